/**
 * Two Redis servers, a primary and its replica, of which the service knows one address. Whoever deals with the pair deals
 * with the one that is the primary now.
 */
import { startRedis } from '../support/redisServer.ts';
import type { RedisServer } from '../support/redisServer.ts';

export interface RedisPair extends RedisServer {
  /** The replica becomes the primary, and the primary its replica, which goes on serving whoever is connected to it. */
  failOver: () => Promise<void>;
}

export async function startRedisPair(): Promise<RedisPair> {
  let [primary, replica] = await Promise.all([startRedis(), startRedis()]);
  await replica.follow(primary);
  return {
    get url() {
      return primary.url;
    },
    get port() {
      return primary.port;
    },
    pid: () => primary.pid(),
    signal: (signal) => primary.signal(signal),
    kill: () => primary.kill(),
    restart: () => primary.restart(),
    follow: (other) => primary.follow(other),
    ask: (command, ...values) => primary.ask(command, ...values),
    async failOver() {
      await replica.follow(undefined);
      await primary.follow(replica);
      [primary, replica] = [replica, primary];
    },
    stop: async () => {
      await Promise.all([primary.stop(), replica.stop()]);
    },
  };
}
