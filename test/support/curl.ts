import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';

/** How a run of curl(1) ended. */
export interface CurlResult {
  /** curl's own exit code; 0 for success. */
  readonly code: number;
  readonly sha256: string;
  /** What it printed, as text. */
  readonly text: string;
  /** What it complained of. */
  readonly complaint: string;
}

const TEXT_MAX_BYTES = 64 * 1024;

/** Runs curl without the user's own settings and without a proxy from the environment. */
export async function curl(...programArguments: readonly string[]): Promise<CurlResult> {
  const child = spawn('curl', ['--disable', '--silent', '--show-error', '--max-time', '60', '--noproxy', '', ...programArguments], { stdio: ['ignore', 'pipe', 'pipe'] });
  const hash = createHash('sha256');
  let text = '';
  let complaint = '';
  child.stdout.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    if (text.length < TEXT_MAX_BYTES) text += chunk.toString('latin1');
  });
  child.stderr.on('data', (chunk: Buffer) => { complaint += chunk.toString(); });
  const [code] = await once(child, 'close') as [number | null];
  return { code: code ?? -1, sha256: hash.digest('hex'), text, complaint };
}
