import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { Capture } from './capture.ts';
import { run, signalProcess } from './processes.ts';

/** True when network namespaces can be made: root on Linux. */
export function canCreateNetworkNamespace(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0;
}

/**
 * Another machine on this machine: a network namespace with its own loopback, joined to this one by a veth pair
 * whose addresses come from 10.200.0.0/16.
 */
export class NetworkNamespace {
  private readonly children = new Set<ChildProcess>();

  private constructor(
    readonly name: string,
    /** The interface on this side of the link. */
    readonly linkName: string,
    /** This machine's address on the link. */
    readonly hereAddress: string,
    /** The namespace's address on the link. */
    readonly thereAddress: string,
  ) {}

  static async create(): Promise<NetworkNamespace> {
    const id = randomBytes(3).toString('hex');
    const subnet = freeSubnet();
    const namespace = new NetworkNamespace(`culvert-${id}`, `cv${id}a`, `${subnet}.1`, `${subnet}.2`);
    await namespace.build(`cv${id}b`);
    return namespace;
  }

  /** Runs a program inside to its end and gives what it printed. */
  exec(program: string, ...programArguments: string[]): Promise<string> {
    return run('ip', ['netns', 'exec', this.name, program, ...programArguments]);
  }

  /** Starts a program inside; it ends with the namespace at the latest. */
  spawn(program: string, ...programArguments: string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.name, program, ...programArguments], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.children.add(child);
    child.once('exit', () => this.children.delete(child));
    // An unread pipe would stop the program once it is full.
    child.stdout.resume();
    child.stderr.resume();
    return child;
  }

  /** Records what crosses the link, on this machine's side of it. */
  capture(filter?: string): Promise<Capture> {
    return Capture.start(this.linkName, filter);
  }

  /** Cuts the link: packets vanish, as with a cable pulled out. */
  async cutLink(): Promise<void> {
    await run('ip', ['link', 'set', this.linkName, 'down']);
  }

  async mendLink(): Promise<void> {
    await run('ip', ['link', 'set', this.linkName, 'up']);
  }

  async remove(): Promise<void> {
    const exits = [...this.children].map((child) => once(child, 'exit'));
    for (const child of this.children) if (child.pid !== undefined) signalProcess(child.pid, 'SIGKILL');
    await Promise.all(exits);
    // Removing one end of the pair removes the other; the namespace itself lives on while a socket of it does.
    await run('ip', ['link', 'delete', this.linkName]);
    await run('ip', ['netns', 'delete', this.name]);
  }

  private async build(peerName: string): Promise<void> {
    const inside = ['-netns', this.name];
    await run('ip', ['netns', 'add', this.name]);
    await run('ip', ['link', 'add', this.linkName, 'type', 'veth', 'peer', 'name', peerName]);
    await run('ip', ['link', 'set', peerName, 'netns', this.name]);
    await run('ip', ['address', 'add', `${this.hereAddress}/30`, 'dev', this.linkName]);
    await run('ip', ['link', 'set', this.linkName, 'up']);
    await run('ip', [...inside, 'address', 'add', `${this.thereAddress}/30`, 'dev', peerName]);
    await run('ip', [...inside, 'link', 'set', peerName, 'up']);
    await run('ip', [...inside, 'link', 'set', 'lo', 'up']);
  }
}

/** The first three parts of a /24 of 10.200.0.0/16 that no interface of this machine uses. */
function freeSubnet(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  for (let third = 1; third < 255; third += 1) {
    const subnet = `10.200.${third}`;
    if (!addresses.some((entry) => entry.address.startsWith(`${subnet}.`))) return subnet;
  }
  throw new Error('No free subnet in 10.200.0.0/16.');
}
