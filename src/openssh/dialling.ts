import { ForwardError } from '../core/failure.ts';
import type { SshHop } from '../core/sshTarget.ts';
import type { ResolvedConfig } from './resolvedConfig.ts';

type Dialling = Pick<SshHop, 'addressFamily' | 'bindAddress' | 'connectionAttempts'>;

const FAMILIES: Readonly<Record<string, 4 | 6>> = { inet: 4, inet6: 6 };

/**
 * How the first hop is dialled: AddressFamily, BindAddress and ConnectionAttempts. Throws `config-unsupported` for what would
 * go out by another way than the user asked for: BindInterface, and a BindAddress that is a name.
 */
export function diallingOf(hostName: string, config: ResolvedConfig): Dialling {
  const family = FAMILIES[config.get('addressfamily')?.toLowerCase() ?? ''];
  const bindAddress = config.get('bindaddress');
  const attempts = config.number('connectionattempts', 1);
  if (bindAddress === undefined && config.get('bindinterface') !== undefined) {
    throw refusal('config-unsupported', hostName, 'BindInterface is not supported; BindAddress with an address of that interface is');
  }
  if (bindAddress !== undefined) assertBindable(hostName, bindAddress, family);
  if (attempts < 1) throw refusal('config-invalid', hostName, 'ConnectionAttempts must be 1 or more');
  return {
    ...(family === undefined ? {} : { addressFamily: family }),
    ...(bindAddress === undefined ? {} : { bindAddress }),
    ...(attempts === 1 ? {} : { connectionAttempts: attempts }),
  };
}

function assertBindable(hostName: string, address: string, family: 4 | 6 | undefined): void {
  const own = familyOf(address);
  if (own === undefined) throw refusal('config-unsupported', hostName, `BindAddress "${address}" is a name; only an address is supported`);
  if (family !== undefined && own !== family) throw refusal('config-invalid', hostName, `BindAddress ${address} is not of the AddressFamily that is set`);
}

function familyOf(address: string): 4 | 6 | undefined {
  if (/^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%.+)?$/.test(address)) return 6;
  return /^\d{1,3}(?:\.\d{1,3}){3}$/.test(address) ? 4 : undefined;
}

function refusal(code: 'config-invalid' | 'config-unsupported', hostName: string, reason: string): ForwardError {
  return new ForwardError(code, `${hostName}: ${reason}.`, { context: { host: hostName, reason } });
}
