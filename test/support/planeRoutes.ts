import { readdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { isSocketPath, type Endpoint, type HostPort } from '../../src/core/address.ts';
import type { SshTarget } from '../../src/core/sshTarget.ts';
import type { ListenPole, StartForward } from '../../src/protocol/messages.ts';
import { planeBundleOfOtherSsh2 } from './planeBundle.ts';
import { closePlane, PlaneClient, type StartedForward } from './planeClient.ts';
import { hopTo, identityOf, targetOf, trusting } from './planeTargets.ts';
import { asked, fixed, here, hereAt, onServer } from './poles.ts';
import { dialSocks5 } from './socksClient.ts';
import { Sshd } from './sshd.ts';
import { createSshKey, type SshKeyFile } from './sshKeys.ts';
import { dial, dialPath, serve, serveAt, type TestServer, type TestSocketServer } from './tcpPeers.ts';
import { createTemporaryFolder, type TemporaryFolder } from './temporaryFolder.ts';

const ANY_PORT: HostPort = { host: '127.0.0.1', port: 0 };

const WITHOUT_FAST_PATHS = join(import.meta.dirname, 'withoutFastPaths.cjs');

/** `plain` is on a Node and an ssh2 that have no fast paths; `socket` has a Unix socket at both poles. */
export type RouteKind = 'relay' | 'plain relay' | 'local' | 'plain local' | 'remote' | 'plain remote' | 'dynamic' | 'plain dynamic' | 'remote dynamic' | 'socket relay' | 'plain socket relay' | 'socket local' | 'socket remote';

/** A forward that is up, and a client of it that connects to its destination. */
export interface RoutedForward {
  readonly forward: StartedForward;
  /** Where it listens. */
  readonly bound: Endpoint;
  /** The port of it; 0 for a socket. */
  readonly port: number;
  dial(): Promise<Socket>;
}

/** A plane and, for all but a relay, a server that it can log in to with a key. */
export class Route {
  private socketCount = 0;

  private constructor(
    readonly kind: RouteKind,
    readonly plane: PlaneClient,
    private readonly folder: TemporaryFolder,
    private readonly server: Sshd | undefined,
    private readonly keyFile: SshKeyFile | undefined,
  ) {}

  static async open(kind: RouteKind, extraConfig: readonly string[] = []): Promise<Route> {
    const folder = await createTemporaryFolder('route');
    const plainly = kind.startsWith('plain') ? { bundle: await planeBundleOfOtherSsh2(), preload: WITHOUT_FAST_PATHS } : {};
    if (kind.endsWith('relay')) {
      const plane = await PlaneClient.start({}, plainly);
      return new Route(kind, plane, folder, undefined, undefined);
    }
    const key = await createSshKey(folder.join('id'));
    const sshd = await Sshd.start({ authorizedKeys: [key.publicKey], extraConfig });
    return new Route(kind, await PlaneClient.start(trusting(sshd), plainly), folder, sshd, key);
  }

  get sshd(): Sshd {
    if (this.server === undefined) throw new Error('A relay has no SSH server.');
    return this.server;
  }

  get target(): SshTarget | undefined {
    if (this.server === undefined || this.keyFile === undefined) return undefined;
    return targetOf(hopTo(this.server, { identities: [identityOf(this.keyFile)] }));
  }

  /** Whether its poles are Unix sockets. */
  get isOfSockets(): boolean {
    return this.kind.includes('socket');
  }

  /** A destination for a forward of this kind. */
  serve(handle: (socket: Socket) => void): Promise<TestServer | TestSocketServer> {
    return this.isOfSockets ? serveAt(this.newPath(), handle) : serve(handle);
  }

  /** Starts a forward of this kind that leads to the destination, by itself or for a client that asks for it. */
  async forward(destination: Endpoint, limits: Pick<StartForward, 'maxConnections' | 'queued'> = {}): Promise<RoutedForward> {
    const isAsked = this.kind.endsWith('dynamic');
    const forward = await this.plane.begin({
      listen: this.listenPole(),
      connect: isAsked ? asked() : fixed(destination),
      ...limits,
      ...(this.target === undefined ? {} : { target: this.target }),
    });
    await this.plane.untilUp(forward);
    const bound = this.plane.of('bound', forward)[0]!.bound.addresses[0]!;
    if (isSocketPath(bound)) return { forward, bound, port: 0, dial: () => dialPath(bound.path) };
    const { port } = bound;
    return { forward, bound, port, dial: () => (isAsked ? dialSocks5(port, destination as HostPort) : dial(port)) };
  }

  private listenPole(): ListenPole {
    const isOnServer = this.kind.includes('remote');
    if (!this.isOfSockets) return isOnServer ? onServer(ANY_PORT) : here(ANY_PORT);
    const path = this.newPath();
    return isOnServer ? onServer({ path }) : hereAt(path);
  }

  private newPath(): string {
    this.socketCount += 1;
    return this.folder.join(`${String(this.socketCount)}.sock`);
  }

  async close(): Promise<void> {
    await closePlane(this.plane, this.server, this.folder);
  }
}

/** File descriptors that this process, and with it the plane's worker, has open. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
