import type { HostPort } from '../../src/core/address.ts';
import type { SshHop } from '../../src/core/sshTarget.ts';
import { PlaneClient, type StartedForward } from './planeClient.ts';
import { hopTo, identityOf, targetOf, trusting } from './planeTargets.ts';
import { fixed, here } from './poles.ts';
import { Sshd, type SshdOptions } from './sshd.ts';
import { createSshKey, type SshKeyFile } from './sshKeys.ts';
import { dial, readAll, serve, type TestServer } from './tcpPeers.ts';
import { createTemporaryFolder, type TemporaryFolder } from './temporaryFolder.ts';

const LISTEN: readonly HostPort[] = [{ host: '127.0.0.1', port: 0 }];

/** A plane, a destination that echoes, and as many SSH servers as a test wants, which let its one key in. */
export class Tunnels {
  private readonly servers: Sshd[] = [];

  private constructor(
    readonly plane: PlaneClient,
    readonly echo: TestServer,
    private readonly key: SshKeyFile,
    private readonly folder: TemporaryFolder,
  ) {}

  static async open(): Promise<Tunnels> {
    const folder = await createTemporaryFolder('tunnels');
    const key = await createSshKey(folder.join('id'));
    const echo = await serve((socket) => { socket.pipe(socket); });
    return new Tunnels(await PlaneClient.start(), echo, key, folder);
  }

  async startServer(options: SshdOptions = {}): Promise<Sshd> {
    const sshd = await Sshd.start({ authorizedKeys: [this.key.publicKey], ...options });
    this.servers.push(sshd);
    this.plane.answers = trusting(...this.servers);
    return sshd;
  }

  hop(sshd: Sshd, overrides: Partial<SshHop> = {}): SshHop {
    return hopTo(sshd, { identities: [identityOf(this.key)], ...overrides });
  }

  /** Starts a forward over these hops, to the echo unless told otherwise, and waits until it is up. */
  async forward(hops: readonly SshHop[], connect: HostPort = this.echo): Promise<{ forward: StartedForward; port: number }> {
    return this.plane.forward(connect, targetOf(...hops), LISTEN);
  }

  /** Starts a forward over these hops to the echo and waits for nothing; with `after`, the next run of that forward. */
  begin(hops: readonly SshHop[], after?: StartedForward): Promise<StartedForward> {
    return this.plane.begin({
      connect: fixed(this.echo),
      listen: here(...LISTEN),
      target: targetOf(...hops),
      ...(after === undefined ? {} : { id: after.id, generation: after.generation + 1 }),
    });
  }

  /** The failure with which the first run of a forward over this hop ends. */
  async failureOf(hop: SshHop): Promise<{ code: string; detail: string; context: object }> {
    const forward = await this.begin([hop]);
    const { failure } = await this.plane.untilLost(forward);
    await this.plane.stop(forward);
    return failure;
  }

  /** Sends a text through a forward to the echo and gives what comes back. */
  async echoThrough(port: number, text = 'hello'): Promise<string> {
    const client = await dial(port);
    client.end(text);
    return (await readAll(client)).toString();
  }

  async close(): Promise<void> {
    try {
      await this.plane.close();
    } finally {
      await Promise.all(this.servers.map((sshd) => sshd.stop()));
      await this.echo.close();
      await this.folder.remove();
    }
  }
}
