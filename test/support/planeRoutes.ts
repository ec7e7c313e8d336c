import { readdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { HostPort } from '../../src/core/address.ts';
import type { SshTarget } from '../../src/core/sshTarget.ts';
import { PlaneClient, type StartedForward } from './planeClient.ts';
import { hopTo, identityOf, targetOf, trusting } from './planeTargets.ts';
import { asked, fixed, here, onServer } from './poles.ts';
import { dialSocks5 } from './socksClient.ts';
import { Sshd } from './sshd.ts';
import { createSshKey, type SshKeyFile } from './sshKeys.ts';
import { dial } from './tcpPeers.ts';
import { createTemporaryFolder, type TemporaryFolder } from './temporaryFolder.ts';

const ANY_PORT: HostPort = { host: '127.0.0.1', port: 0 };

const WITHOUT_BORROWED_READS = join(import.meta.dirname, 'withoutUserBuffer.cjs');

/** `plain relay` is one on a Node that has no borrowed reads. */
export type RouteKind = 'relay' | 'plain relay' | 'local' | 'remote' | 'dynamic' | 'remote dynamic';

/** A forward that is up, and a client of it that connects to its destination. */
export interface RoutedForward {
  readonly forward: StartedForward;
  readonly port: number;
  dial(): Promise<Socket>;
}

/** A plane and, for all but a relay, a server that it can log in to with a key. */
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
    if (kind === 'relay' || kind === 'plain relay') {
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

  /** Starts a forward of this kind that leads to the destination, by itself or for a client that asks for it. */
  async forward(destination: HostPort): Promise<RoutedForward> {
    const isAsked = this.kind === 'dynamic' || this.kind === 'remote dynamic';
    const forward = await this.plane.begin({
      listen: this.kind === 'remote' || this.kind === 'remote dynamic' ? onServer(ANY_PORT) : here(ANY_PORT),
      connect: isAsked ? asked() : fixed(destination),
      ...(this.target === undefined ? {} : { target: this.target }),
    });
    await this.plane.untilUp(forward);
    const { port } = this.plane.boundOf(forward).addresses[0]!;
    return { forward, port, dial: () => (isAsked ? dialSocks5(port, destination) : dial(port)) };
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
