import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { tcpStreams } from './pcap.ts';
import { signalProcess } from './processes.ts';
import { createTemporaryFolder, type TemporaryFolder } from './temporaryFolder.ts';

/** tcpdump on one interface. */
export class Capture {
  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: TemporaryFolder,
  ) {}

  static async start(interfaceName: string, filter = 'tcp'): Promise<Capture> {
    const folder = await createTemporaryFolder('capture');
    const output = ['-U', '--immediate-mode', '-Z', 'root', '-s', '0', '-w', folder.join('link.pcap')];
    const child = spawn('tcpdump', ['-i', interfaceName, ...output, filter], { stdio: ['ignore', 'ignore', 'pipe'] });
    let complaint = '';
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`tcpdump ended: ${complaint}`)));
      child.stderr.on('data', (chunk: Buffer) => {
        complaint += chunk.toString();
        if (complaint.includes('listening on')) resolve();
      });
    });
    return new Capture(child, folder);
  }

  /**
   * Ends the capture and gives the payload of each TCP direction that it saw, put together in order, so that a text
   * typed key by key is found as well as a text sent at once. The key is `source:port > destination:port`.
   */
  async stop(): Promise<ReadonlyMap<string, Buffer>> {
    const exit = once(this.child, 'exit');
    if (this.child.pid !== undefined) signalProcess(this.child.pid, 'SIGINT');
    await exit;
    const streams = tcpStreams(readFileSync(this.folder.join('link.pcap')));
    await this.folder.remove();
    return streams;
  }
}
