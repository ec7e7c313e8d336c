import { execFile } from 'node:child_process';

const TIME_LIMIT_MS = 5000;

/** What a system program prints; undefined when it is missing, takes longer than 5 s, or prints nothing. */
export function outputOf(program: string, programArguments: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const options = { timeout: TIME_LIMIT_MS, maxBuffer: 16 * 1024 * 1024, windowsHide: true };
    // lsof ends with 1 when it found a part only, so what it printed counts and not how it ended.
    execFile(program, [...programArguments], options, (_error, stdout) => resolve(stdout === '' ? undefined : stdout))
      .on('error', () => undefined);
  });
}
