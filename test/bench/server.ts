import { userInfo } from 'node:os';
import type { SshTarget } from '../../src/core/sshTarget.ts';
import { program, type Contestant } from './contestant.ts';
import { hopTo, identityOf, targetOf } from '../support/planeTargets.ts';
import { Sshd } from '../support/sshd.ts';
import { createSshKey, type SshKeyFile } from '../support/sshKeys.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

/** The cipher that the product negotiates with this server, for peers that are to use the same. */
export const CIPHER = 'aes128-gcm@openssh.com';

/** A real sshd on the loopback, and the ways in. */
export class BenchServer {
  private constructor(
    readonly sshd: Sshd,
    private readonly key: SshKeyFile,
    private readonly folder: TemporaryFolder,
  ) {}

  static async start(extraConfig: readonly string[] = []): Promise<BenchServer> {
    const folder = await createTemporaryFolder('bench');
    const key = await createSshKey(folder.join('id'));
    return new BenchServer(await Sshd.start({ authorizedKeys: [key.publicKey], extraConfig }), key, folder);
  }

  /** The way to the server for the product; another port where something stands between. */
  target(port = this.sshd.port): SshTarget {
    return targetOf(hopTo(this.sshd, { identities: [identityOf(this.key)], port }));
  }

  get privateKeyPath(): string {
    return this.key.path;
  }

  /** OpenSSH's own client; without a cipher the one it chooses by itself. */
  ssh(cipher?: string, port = this.sshd.port): Contestant {
    return program(cipher === undefined ? 'ssh -L' : `ssh -L (${cipher.replace('@openssh.com', '')})`, (listen, destination) => [
      'ssh', '-N', '-F', 'none', '-i', this.key.path, '-o', 'IdentitiesOnly=yes', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null',
      '-o', 'LogLevel=ERROR', ...(cipher === undefined ? [] : ['-c', cipher]), '-p', String(port),
      '-L', `127.0.0.1:${String(listen)}:127.0.0.1:${String(destination)}`, `${userInfo().username}@127.0.0.1`,
    ]);
  }

  async close(): Promise<void> {
    await this.sshd.stop();
    await this.folder.remove();
  }
}
