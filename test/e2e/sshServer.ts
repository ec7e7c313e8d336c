import { createSshKey, knownHostsLine } from '../support/sshKeys.ts';
import { Sshd } from '../support/sshd.ts';
import type { Own } from './fixtures.ts';
import type { VsCode } from './vsCode.ts';

/** An sshd that ssh_config knows by this alias, that known_hosts knows, and that lets the editor's user in with a key. */
export async function startServer(vsCode: VsCode, own: Own, alias = 'server'): Promise<Sshd> {
  const key = await createSshKey(`${vsCode.sshFolder}/id_test`);
  const sshd = own(await Sshd.start({ authorizedKeys: [key.publicKey] }), (it) => it.stop());
  const lines = [`Host ${alias}`, `HostName ${sshd.host}`, `Port ${String(sshd.port)}`, `User ${sshd.userName}`, `IdentityFile ${key.path}`];
  await vsCode.writeSshFile('config', `${lines.join('\n  ')}\n`);
  await vsCode.writeSshFile('known_hosts', knownHostsLine(sshd.host, sshd.port, sshd.hostKey));
  return sshd;
}
