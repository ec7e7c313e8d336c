import { createHmac } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { run } from './processes.ts';

/** The algorithm and the bits, as puttygen names them. */
const TYPES = {
  rsa: ['rsa', '2048'],
  nistp256: ['ecdsa', '256'],
  nistp384: ['ecdsa', '384'],
  nistp521: ['ecdsa', '521'],
  ed25519: ['eddsa', '255'],
  ed448: ['eddsa', '448'],
  dsa: ['dsa', '1024'],
} as const;

export type PuttyKeyType = keyof typeof TYPES;

export interface PuttyKeyOptions {
  readonly type?: PuttyKeyType;
  readonly passphrase?: string;
  readonly comment?: string;
  /** What `--ppk-param` takes, as `version=2`. */
  readonly parameters?: readonly string[];
}

/** A key that puttygen wrote. */
export interface PuttyKeyFile {
  readonly path: string;
  /** As the extension reads it, a byte a character. */
  readonly text: string;
  /** One line as in authorized_keys, as puttygen reads it from the file. */
  readonly publicKey: string;
}

/** Little work for a passphrase, since most tests are not about that. */
const LIGHT = ['memory=64', 'passes=2'];

/** Writes a new key pair to `path`, which should end in `.ppk`. */
export async function createPuttyKey(path: string, { type = 'ed25519', passphrase = '', comment = 'culvert-test', parameters = [] }: PuttyKeyOptions): Promise<PuttyKeyFile> {
  const [algorithm, bits] = TYPES[type];
  await writeFile(`${path}.phrase`, passphrase);
  const options = ['-C', comment, '--new-passphrase', `${path}.phrase`, '--ppk-param', [...LIGHT, ...parameters].join(','), '--random-device', '/dev/urandom'];
  await run('puttygen', ['-t', algorithm, '-b', bits, '-q', ...options, '-O', 'private', '-o', path]);
  return { path, text: await readFile(path, 'latin1'), publicKey: (await run('puttygen', [path, '-O', 'public-openssh'])).trim() };
}

/** A file of version 3, unencrypted, with the MAC that belongs to it. */
export function puttyText(keyType: string, publicBlob: Buffer, privateBlob: Buffer): string {
  const covered = strings(Buffer.from(keyType), Buffer.from('none'), Buffer.from('made'), publicBlob, privateBlob);
  const mac = createHmac('sha256', '').update(covered).digest('hex');
  const head = `PuTTY-User-Key-File-3: ${keyType}\nEncryption: none\nComment: made\n`;
  return `${head}${lines('Public', publicBlob)}${lines('Private', privateBlob)}Private-MAC: ${mac}\n`;
}

function lines(name: string, blob: Buffer): string {
  const found = blob.toString('base64').match(/.{1,64}/g) ?? [];
  return `${name}-Lines: ${String(found.length)}\n${found.join('\n')}\n`;
}

/** Strings of RFC 4251 section 5, one after another. */
export function strings(...parts: readonly Buffer[]): Buffer {
  return Buffer.concat(parts.flatMap((part) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    return [length, part];
  }));
}
