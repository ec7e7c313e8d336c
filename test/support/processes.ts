import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export { descendantsOf, isAlive, send as signalProcess } from '../tools/processTree.mjs';

const execFileAsync = promisify(execFile);

/** Runs a program to its end and gives what it printed; rejects with its stderr when it fails. */
export async function run(program: string, programArguments: readonly string[], input?: string): Promise<string> {
  const pending = execFileAsync(program, [...programArguments], { maxBuffer: 64 * 1024 * 1024 });
  // A program that reads nothing may have ended already.
  pending.child.stdin?.on('error', () => undefined);
  pending.child.stdin?.end(input ?? '');
  try {
    return (await pending).stdout;
  } catch (error) {
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
    throw new Error(`${program} ${programArguments.join(' ')} failed: ${stderr.trim() || String(error)}`, { cause: error });
  }
}

/** Runs a program to its end, whatever that is, and gives what it printed. */
export async function runAnyway(program: string, programArguments: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
  try {
    return await execFileAsync(program, [...programArguments], { maxBuffer: 64 * 1024 * 1024 });
  } catch (error) {
    const part = (name: 'stdout' | 'stderr'): string => (error instanceof Error && name in error ? String((error as Error & Record<typeof name, unknown>)[name]) : '');
    return { stdout: part('stdout'), stderr: part('stderr') };
  }
}
