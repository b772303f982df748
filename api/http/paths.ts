/** Where the operators' console is mounted. */
export const CONSOLE_PATH = '/ops';
