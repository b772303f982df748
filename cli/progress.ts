/**
 * How far a long piece of work has come: a bar on a terminal, and elsewhere (a log, a pipe) a plain line for every tenth
 * of the way, because a bar redrawn in a file is noise.
 */
import cliProgress from 'cli-progress';

export interface Progress {
  /** How much is done by now, of the total. */
  update: (done: number) => void;
  /** Call it also when the work failed: the next line begins below the bar. */
  stop: () => void;
}

const TENTHS = 10;
const LABEL_WIDTH = 10;

export function showProgress(label: string, total: number, stream: NodeJS.WriteStream = process.stdout): Progress {
  return stream.isTTY ? bar(label, total, stream) : lines(label, total, stream);
}

function bar(label: string, total: number, stream: NodeJS.WriteStream): Progress {
  const single = new cliProgress.SingleBar(
    {
      format: `${label.padEnd(LABEL_WIDTH)} {bar} {percentage}%  {value}/{total}  {duration_formatted}`,
      // Else a first Ctrl-C would stop the bar alone and not the program.
      gracefulExit: false,
      etaBuffer: 100,
      stream,
    },
    cliProgress.Presets.shades_classic,
  );
  single.start(total, 0);
  return {
    update: (done) => single.update(done),
    stop: () => single.stop(),
  };
}

function lines(label: string, total: number, stream: NodeJS.WriteStream): Progress {
  let saidTenths = 0;
  return {
    update(done) {
      const tenths = Math.floor((done * TENTHS) / Math.max(total, 1));
      if (tenths <= saidTenths) return;
      saidTenths = tenths;
      stream.write(`${label.padEnd(LABEL_WIDTH)} ${done}/${total}\n`);
    },
    stop: () => undefined,
  };
}
