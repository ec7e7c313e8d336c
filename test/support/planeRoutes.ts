import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { HostPort } from '../../src/core/address.ts';
import type { SshTarget } from '../../src/core/sshTarget.ts';
import { PlaneClient, type StartedForward } from './planeClient.ts';
import { hopTo, identityOf, targetOf, trusting } from './planeTargets.ts';
import { Sshd } from './sshd.ts';
import { createSshKey, type SshKeyFile } from './sshKeys.ts';
import { createTemporaryFolder, type TemporaryFolder } from './temporaryFolder.ts';

/** A relay, one on a Node that has no borrowed reads, or a tunnel. */
export type RouteKind = 'relay' | 'plain relay' | 'local';

const WITHOUT_BORROWED_READS = join(import.meta.dirname, 'withoutUserBuffer.cjs');

/** A plane and, for `ssh -L`, a server that it can log in to with a key. */
export class Route {
  private constructor(
    readonly kind: RouteKind,
    readonly plane: PlaneClient,
    private readonly folder: TemporaryFolder,
    private readonly server: Sshd | undefined,
    private readonly keyFile: SshKeyFile | undefined,
  ) {}

  static async open(kind: RouteKind, extraConfig: readonly string[] = []): Promise<Route> {
    const folder = await createTemporaryFolder('route');
    if (kind !== 'local') {
      const plane = await PlaneClient.start({}, kind === 'plain relay' ? WITHOUT_BORROWED_READS : undefined);
      return new Route(kind, plane, folder, undefined, undefined);
    }
    const key = await createSshKey(folder.join('id'));
    const sshd = await Sshd.start({ authorizedKeys: [key.publicKey], extraConfig });
    return new Route(kind, await PlaneClient.start(trusting(sshd)), folder, sshd, key);
  }

  get sshd(): Sshd {
    if (this.server === undefined) throw new Error('A relay has no SSH server.');
    return this.server;
  }

  get target(): SshTarget | undefined {
    if (this.server === undefined || this.keyFile === undefined) return undefined;
    return targetOf(hopTo(this.server, { identities: [identityOf(this.keyFile)] }));
  }

  forward(connect: HostPort): Promise<{ forward: StartedForward; port: number }> {
    return this.plane.forward(connect, this.target);
  }

  async close(): Promise<void> {
    try {
      await this.plane.close();
    } finally {
      await this.server?.stop();
      await this.folder.remove();
    }
  }
}

/** File descriptors that this process, and with it the plane's worker, has open. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
