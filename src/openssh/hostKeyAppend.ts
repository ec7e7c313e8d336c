import { randomBytes } from 'node:crypto';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ForwardError } from '../core/failure.ts';
import { decodePlainKey } from './keyBlob.ts';
import { HASH_SALT_BYTES, hashName } from './knownHosts.ts';

export interface HostKeyEntry {
  /** From the verdict: `host`, `[host]:port` or the alias. */
  readonly name: string;
  /** The key blob, base64. */
  readonly key: string;
  readonly isHashed: boolean;
}

/** Appends wait for one another per file, so that none sees the half of another's work. */
const queues = new Map<string, Promise<void>>();

/**
 * Adds one line to a known_hosts file, and changes nothing that is there. One write with O_APPEND, so that writers in other
 * processes, ssh among them, cannot cut into it. Creates the folder (0700) and the file (0600); follows symlinks.
 * Throws `known-hosts-unreadable`.
 */
export async function appendHostKey(file: string, entry: HostKeyEntry): Promise<void> {
  const line = formatEntry(entry);
  const before = queues.get(file) ?? Promise.resolve();
  const mine = before.then(() => appendLine(file, line));
  const settled = mine.catch(() => undefined);
  queues.set(file, settled);
  try {
    await mine;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ForwardError('known-hosts-unreadable', `${file} cannot be written: ${reason}`, { cause: error, context: { path: file } });
  } finally {
    if (queues.get(file) === settled) queues.delete(file);
  }
}

function formatEntry({ name, key, isHashed }: HostKeyEntry): string {
  const decoded = decodePlainKey(key);
  if (decoded === undefined || /[\s,]/.test(name) || name === '') throw new ForwardError('internal', 'This host key cannot be written down.');
  const written = isHashed ? hashName(name, randomBytes(HASH_SALT_BYTES)) : name;
  return `${written} ${decoded.type} ${decoded.blob.toString('base64')}\n`;
}

async function appendLine(file: string, line: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  // `a+`: read for the last byte, O_APPEND for the write.
  const handle = await open(file, 'a+', 0o600);
  try {
    const text = Buffer.from((await lacksNewline(handle)) ? `\n${line}` : line);
    const { bytesWritten } = await handle.write(text);
    if (bytesWritten !== text.length) throw new Error('the disk took only a part of the line');
  } finally {
    await handle.close();
  }
}

async function lacksNewline(handle: FileHandle): Promise<boolean> {
  const stats = await handle.stat();
  if (!stats.isFile() || stats.size === 0) return false;
  const last = Buffer.alloc(1);
  await handle.read(last, 0, 1, stats.size - 1);
  return last.toString() !== '\n';
}
