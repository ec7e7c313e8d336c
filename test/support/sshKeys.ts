import { readFile } from 'node:fs/promises';
import { run } from './processes.ts';

export type SshKeyType = 'ed25519' | 'rsa' | 'ecdsa';

/** A key pair on disk, made by ssh-keygen. */
export interface SshKeyFile {
  readonly path: string;
  readonly type: SshKeyType;
  /** One line as in authorized_keys: type, base64, comment. */
  readonly publicKey: string;
  /** `SHA256:…` */
  readonly fingerprint: string;
}

/** Writes a new key pair to `path` and `path.pub`, in OpenSSH's own format. */
export async function createSshKey(path: string, type: SshKeyType = 'ed25519', passphrase = ''): Promise<SshKeyFile> {
  const size = type === 'rsa' ? ['-b', '2048'] : [];
  await run('ssh-keygen', ['-q', '-t', type, ...size, '-N', passphrase, '-C', 'culvert-test', '-f', path]);
  const publicKey = (await readFile(`${path}.pub`, 'utf8')).trim();
  const listing = await run('ssh-keygen', ['-l', '-E', 'sha256', '-f', `${path}.pub`]);
  return { path, type, publicKey, fingerprint: listing.split(' ')[1] ?? '' };
}

/** The line that known_hosts holds for this key under this host and port. */
export function knownHostsLine(host: string, port: number, key: SshKeyFile): string {
  const name = port === 22 ? host : `[${host}]:${port}`;
  const [type, base64] = key.publicKey.split(' ');
  return `${name} ${type} ${base64}\n`;
}
