import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { findFreePort } from './freePort.ts';

const DNSMASQ = '/usr/sbin/dnsmasq';

/** A real DNS server of a test. */
export interface DnsServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** dnsmasq on 127.0.0.1 that answers what its options say and asks nobody. */
export async function startDnsServer(options: readonly string[]): Promise<DnsServer> {
  const port = await findFreePort();
  const child = spawn(DNSMASQ, [
    '--keep-in-foreground', '--log-facility=-', '--conf-file=/dev/null', `--port=${port}`, '--listen-address=127.0.0.1', '--bind-interfaces',
    '--no-resolv', '--no-hosts', '--pid-file=', '--user=', '--edns-packet-max=4096', ...options,
  ], { stdio: ['ignore', 'ignore', 'pipe'] });
  const exit = once(child, 'exit');
  let said = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (text: Buffer) => {
      said += text.toString();
      if (said.includes('started')) resolve();
    });
    void exit.then(() => { reject(new Error(`dnsmasq ended: ${said}`)); });
  });
  return {
    port,
    stop: async () => {
      child.kill('SIGKILL');
      await exit;
    },
  };
}
