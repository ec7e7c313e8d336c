import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { ForwardError, untrustedText } from '../core/failure.ts';
import type { SshDestination } from '../core/forwardSpec.ts';
import { parseSshDashG, type ConfigAnswer } from './resolvedConfig.ts';
import { locateSsh, type SshEnvironment } from './sshEnvironment.ts';
import { assertDestination } from './sshNames.ts';

/** `ssh -G` may run the user's `Match exec` and look names up; more than this is a hang. */
const TIME_LIMIT_MS = 10_000;
const MAX_OUTPUT_CHARACTERS = 1024 * 1024;

interface Outcome {
  readonly exitCode: number | null;
  readonly output: string;
  readonly errors: string;
}

/**
 * Asks the installed ssh what its configuration says for a destination (`ssh -G`); undefined when there is no such
 * program. Throws `config-invalid` with ssh's own words, or when it takes longer than 10 s, and `cancelled`.
 */
export async function querySsh(
  destination: SshDestination,
  environment: SshEnvironment,
  signal?: AbortSignal,
): Promise<ConfigAnswer | undefined> {
  assertDestination(destination);
  const { host, user, port } = destination;
  const options = [
    ...(environment.configFile === undefined ? [] : ['-F', environment.configFile]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...(user === undefined ? [] : ['-l', user]),
  ];
  const [outcome, defaults] = await Promise.all([
    run(locateSsh(environment), ['-G', ...options, '--', host], environment, signal),
    defaultsOf(environment, signal),
  ]);
  if (outcome === undefined) return undefined;
  if (outcome.exitCode !== 0) throw configError(host, outcome);
  return { config: parseSshDashG(outcome.output, defaults), notes: warningsIn(outcome.errors) };
}

/** What each ssh program prints without any file: the same for every host, but not for every version. */
const defaultOutputs = new Map<string, string>();

async function defaultsOf(environment: SshEnvironment, signal: AbortSignal | undefined): Promise<string> {
  const program = locateSsh(environment);
  const kept = defaultOutputs.get(program);
  if (kept !== undefined) return kept;
  const outcome = await run(program, ['-G', '-F', 'none', '--', 'localhost'], environment, signal);
  if (outcome?.exitCode !== 0) return '';
  defaultOutputs.set(program, outcome.output);
  return outcome.output;
}

function run(
  program: string,
  programArguments: readonly string[],
  environment: SshEnvironment,
  signal: AbortSignal | undefined,
): Promise<Outcome | undefined> {
  const timeout = AbortSignal.timeout(TIME_LIMIT_MS);
  const stop = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(stopped(signal));
      return;
    }
    const child = spawn(program, programArguments, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: environment.env,
      windowsHide: true,
      // A group of its own, so that a hanging `Match exec` ends with it.
      detached: environment.platform !== 'win32',
      ...(existsSync(environment.home) ? { cwd: environment.home } : {}),
    });
    const output = collect(child.stdout);
    const errors = collect(child.stderr);
    const onStop = (): void => {
      endGroup(child, environment.platform);
      reject(stopped(signal));
    };
    stop.addEventListener('abort', onStop, { once: true });
    const settle = (action: () => void): void => {
      stop.removeEventListener('abort', onStop);
      action();
    };
    child.once('error', (error) => settle(() => isMissing(error) ? resolve(undefined) : reject(cannotRun(program, error))));
    child.once('close', (exitCode) => settle(() => resolve({ exitCode, output: output(), errors: errors() })));
  });
}

function collect(stream: NodeJS.ReadableStream): () => string {
  let text = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    if (text.length < MAX_OUTPUT_CHARACTERS) text += chunk;
  });
  return () => text.slice(0, MAX_OUTPUT_CHARACTERS);
}

function endGroup(child: ChildProcess, platform: NodeJS.Platform): void {
  child.stdout?.destroy();
  child.stderr?.destroy();
  if (child.pid === undefined) return;
  try {
    if (platform === 'win32') child.kill();
    else process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended by itself in the meantime.
  }
}

function stopped(signal: AbortSignal | undefined): ForwardError {
  if (signal?.aborted === true) return new ForwardError('cancelled', 'Reading the SSH configuration was cancelled.');
  return new ForwardError('config-invalid', `ssh -G gave no answer within ${TIME_LIMIT_MS / 1000} s; a Match exec in ssh_config may hang.`);
}

function isMissing(error: Error): boolean {
  return 'code' in error && (error.code === 'ENOENT' || error.code === 'EACCES' || error.code === 'ENOTDIR');
}

function cannotRun(program: string, error: Error): ForwardError {
  return new ForwardError('config-invalid', `${program} cannot be started: ${error.message}`, { cause: error });
}

/** ssh names the place as `file line 3: …` or `file: line 3: …`. */
function configError(host: string, { errors, exitCode }: Outcome): ForwardError {
  const found = /^(.+?):? line (\d+): /m.exec(errors);
  const said = untrustedText(errors.replaceAll('\r', ''), 1000) || `it ended with ${exitCode ?? 'a signal'}`;
  const place = found?.[1] === undefined ? {} : { file: untrustedText(found[1]), line: Number(found[2]) };
  return new ForwardError('config-invalid', `ssh cannot read its configuration for ${host}: ${said}`, { context: { host, ...place } });
}

function warningsIn(errors: string): string[] {
  const lines = errors.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('Pseudo-terminal will not be allocated'));
  return lines.slice(0, 20).map((line) => `ssh says: ${untrustedText(line)}`);
}
