import { describe, expect, it } from 'vitest';
import type { FailureCode, FailureContext } from '../../../src/core/failure.ts';
import { explain, remediesFor, type Remedy } from '../../../src/ui/messages.ts';
import { failure } from './samples.ts';

/** Every code once; the type checker complains when one is missing. */
const CODES: Readonly<Record<FailureCode, true>> = {
  'invalid-forward': true, 'address-in-use': true, 'running-elsewhere': true, 'permission-denied': true, 'address-not-available': true, 'bind-not-allowed': true,
  'config-invalid': true, 'config-unsupported': true, 'host-not-found': true, 'host-unreachable': true, 'connect-refused': true, 'connect-timeout': true,
  'not-ssh': true, 'handshake-failed': true, 'proxy-command-failed': true, 'connection-lost': true, 'keepalive-timeout': true, 'host-key-unknown': true, 'host-key-mismatch': true,
  'host-key-revoked': true, 'host-key-rejected': true, 'known-hosts-unreadable': true, 'auth-failed': true, 'auth-cancelled': true, 'login-expired': true, 'identity-unreadable': true,
  'remote-bind-refused': true, 'forwarding-prohibited': true, 'destination-refused': true, 'destination-unreachable': true, 'destination-unhealthy': true, 'too-many-connections': true, 'too-much-queued': true, 'too-many-open-files': true, cancelled: true, 'plane-crashed': true, internal: true,
};
const codes = Object.keys(CODES) as FailureCode[];

const HOP: FailureContext = { hop: 'bastion', host: 'bastion.example', port: 2222, user: 'me' };
const CONTEXTS: readonly FailureContext[] = [
  {},
  HOP,
  { hop: 'bastion', address: 'localhost:9000', destination: 'db:5432', isProxy: true, heldBy: 'your forward web' },
  { hop: 'bastion.example', host: 'bastion.example', port: 22 },
  { proxy: 'office' },
  { limit: 1_000 },
  { limit: 128_000_000, isOfServer: true },
  { host: 'db', port: 5432 },
  { host: '2001:db8::1', port: 80 },
  { destination: 'db:5432' },
  { ...HOP, file: '/home/me/.ssh/known_hosts', line: 12, expected: 'ssh-ed25519 SHA256:aaa', fingerprint: 'SHA256:bbb', keygen: 'ssh-keygen -R bastion' },
  { path: '/home/me/.ssh/id', reason: 'it does not exist' },
  { port: 80, firstUnprivileged: 1024, recipe: 'sudo sysctl', program: 'nginx', pid: 7, freePort: 81, host: '127.0.0.1', address: '0.0.0.0:80' },
  { ...HOP, tried: [], methods: ['publickey'] },
  { ...HOP, tried: ['publickey', 'password'] },
  { ...HOP, stage: 'handshake', said: 'Exceeded MaxStartups', heard: 'text' },
  { ...HOP, stage: 'authentication', heard: 'nothing', speaks: 'HTTP' },
  { heard: 'ssh', said: 'Go away.', speaks: 'TLS' },
  { path: '/run/a.sock', isStale: true, reason: 'ENOENT' },
  { path: '/run/a.sock', isFile: true, limitBytes: 107, hop: 'bastion' },
  { hop: 'bastion', address: '/run/a.sock', destination: '/run/b.sock' },
  { port: 8000, isSilent: true },
  { port: 8000, portCount: 11, freePort: 8011, isUdp: true },
  // What crossed a boundary may be anything.
  { host: ['a'], port: 'x', hop: false, user: true, tried: 'all', line: '12', file: 7, path: ['b'], reason: 5 },
];
const DETAILS = ['nothing works', 'nothing works.', '', '  ', 'cut off…', 'bastion: nothing works.\n', 'no match!'];

describe.each(codes)('the words for %s', (code) => {
  it.each(CONTEXTS)('are whole sentences, whatever is known: %j', (context) => {
    for (const detail of DETAILS) {
      const { sentence, summary } = explain(failure(code, context, detail));
      const told = `${code} ${JSON.stringify(detail)}: ${sentence}`;
      expect(sentence, told).toMatch(/[.?!…]$/);
      expect(sentence, told).not.toMatch(/undefined|null|NaN|\[object|\.\.|\.,|,\.|:\.| {2}| [.,:;?]|\(\)|""|\n/);
      expect(sentence, told).not.toMatch(/(\b(?:the|a|port)\b) \1\b/i);
      // A name may begin in lower case, as names of hosts do; our own words may not.
      expect(sentence, told).not.toMatch(/^(?:the|a|that|this|its?|port|and) /);
      expect(sentence, told).not.toContain('successfully');
      expect(summary.length, summary).toBeGreaterThan(0);
      expect(summary, summary).not.toMatch(/[.]$|undefined|^[A-Z][a-z]+ /);
    }
  });

  it('come with something to do', () => {
    const { remedies } = explain(failure(code, { ...HOP, file: '/f', line: 3 }));
    expect(remedies.length).toBeGreaterThan(0);
    expect(new Set(remedies.map((remedy) => JSON.stringify(remedy))).size).toBe(remedies.length);
  });
});

describe('the sentences that people meet first', () => {
  it.each<[FailureCode, FailureContext, string, string]>([
    ['address-in-use', { host: '127.0.0.1', port: 5432, program: 'postgres', pid: 812, freePort: 5433 }, '',
      'Port 5432 on this computer is in use by postgres (pid 812). Stop it, or listen on another port.'],
    ['address-in-use', { host: '127.0.0.1', port: 5432 }, '', 'Port 5432 on this computer is in use by another program. Stop it, or listen on another port.'],
    ['address-in-use', { host: '0.0.0.0', port: 5432, heldBy: 'your forward db', pid: 3 }, '', 'Port 5432 on this computer is in use by your forward db. Stop it, or listen on another port.'],
    ['address-in-use', { host: '192.0.2.1', port: 5432 }, '', 'Port 5432 on 192.0.2.1 is in use by another program. Stop it, or listen on another port.'],
    ['permission-denied', { port: 80, firstUnprivileged: 1024 }, '',
      'This system reserves ports below 1024 for administrators, so Culvert may not listen on 80. Listen on 8080 instead, or give the system\'s permission.'],
    ['permission-denied', { port: 80, firstUnprivileged: 1024, system: 'linux', freePort: 8081 }, '',
      'This system reserves ports below 1024 for administrators, so Culvert may not listen on 80. Listen on 8081 instead, or lower net.ipv4.ip_unprivileged_port_start (setcap on the editor would give the right to every extension).'],
    ['permission-denied', { port: 80, firstUnprivileged: 1024, system: 'darwin' }, '',
      'macOS reserves ports below 1024 for administrators on every address but the wildcard, so Culvert may not listen on 80. Listen on 8080 instead, or on *:80, which other machines reach too.'],
    ['permission-denied', { port: 50_010, firstUnprivileged: 0, excluded: '50000 to 50059', freePort: 50_060 }, '',
      'Windows keeps the ports 50000 to 50059 for itself, as Hyper-V, WSL and containers make it do, so Culvert may not listen on 50010. Listen on 50060 instead.'],
    ['permission-denied', { port: 5432 }, '', 'This system does not let Culvert listen on port 5432.'],
    ['host-not-found', HOP, '', 'No address was found for the SSH server bastion (bastion.example:2222). Check its name, and that this computer is online.'],
    ['host-not-found', {}, '', 'No address was found for the SSH server. Check its name, and that this computer is online.'],
    ['connect-refused', HOP, '', 'bastion (bastion.example:2222) refused the connection: no SSH server answers on that port. Check the port, or start the server.'],
    ['connect-refused', {}, '', 'The SSH server refused the connection: no SSH server answers on that port. Check the port, or start the server.'],
    ['connect-timeout', { hop: 'h', host: 'h', port: 22 }, '', 'The SSH server h did not answer in time. Check the address, a firewall between, or a VPN it may need.'],
    ['connect-timeout', { ...HOP, heard: 'nothing' }, '', 'bastion (bastion.example:2222) accepts connections but says nothing. It may be too busy, or no SSH server: check the port.'],
    ['connect-timeout', { ...HOP, heard: 'text', said: '220 mail' }, '', 'bastion (bastion.example:2222) said "220 mail" and no more, and no SSH server begins like that. Check the port.'],
    ['connect-timeout', { ...HOP, heard: 'ssh' }, '', 'The SSH server bastion (bastion.example:2222) stopped answering in the middle of the SSH handshake.'],
    ['not-ssh', { ...HOP, speaks: 'HTTP', reason: 'it speaks HTTP' }, '', 'bastion (bastion.example:2222) is a web server (HTTP), not an SSH server. Check the port.'],
    ['not-ssh', { ...HOP, speaks: 'TLS', reason: 'it speaks TLS' }, '', 'bastion (bastion.example:2222) speaks TLS, as web servers do on port 443, and is no SSH server. Check the port.'],
    ['not-ssh', { ...HOP, speaks: 'VNC' }, '', 'bastion (bastion.example:2222) speaks VNC and is no SSH server. Check the port.'],
    ['not-ssh', { ...HOP, reason: 'it sends a line without end' }, '', 'bastion (bastion.example:2222) is no SSH server: it sends a line without end. Check the port.'],
    ['connection-lost', HOP, '', 'The SSH connection to bastion (bastion.example:2222) was lost.'],
    ['connection-lost', { ...HOP, said: 'idle for too long' }, '', 'The SSH connection to bastion (bastion.example:2222) was lost. The server said "idle for too long".'],
    ['connection-lost', { ...HOP, stage: 'handshake', said: 'Exceeded MaxStartups' }, '',
      'bastion (bastion.example:2222) closed the connection before anyone could log in. It said "Exceeded MaxStartups".'],
    ['connection-lost', { ...HOP, stage: 'handshake' }, '',
      'bastion (bastion.example:2222) closed the connection before anyone could log in. It may be too busy, or refuse this computer; its own log tells.'],
    ['connection-lost', { ...HOP, stage: 'authentication' }, '', 'bastion (bastion.example:2222) closed the connection during the login. Its own log tells why.'],
    ['login-expired', HOP, '', 'bastion (bastion.example:2222) waited no longer for your answer and closed the connection. Servers give a minute or two for a login; start it again.'],
    ['handshake-failed', HOP, 'bastion: no matching cipher', 'bastion (bastion.example:2222) and Culvert could not agree on how to talk SSH: no matching cipher.'],
    ['host-key-mismatch', { ...HOP, file: '/k', line: 12, expected: 'ssh-ed25519 SHA256:aaa', fingerprint: 'SHA256:bbb' }, '',
      'The host key of bastion (bastion.example:2222) is not the one in /k, line 12. Someone may be listening in, or the server was set up anew. Nothing was sent to it.'
      + ' Expected ssh-ed25519 SHA256:aaa, got SHA256:bbb.'],
    ['host-key-mismatch', { ...HOP, file: '/k', line: 12, expected: 'ssh-rsa SHA256:aaa', keyType: 'ssh-ed25519', fingerprint: 'SHA256:bbb' }, '',
      'The host key of bastion (bastion.example:2222) is not the one in /k, line 12. Someone may be listening in, or the server was set up anew. Nothing was sent to it.'
      + ' Expected ssh-rsa SHA256:aaa, got ssh-ed25519 SHA256:bbb.'],
    ['host-key-revoked', { ...HOP, file: '/k', line: 3, expected: 'ssh-rsa SHA256:aaa', keyType: 'ssh-ed25519', fingerprint: 'SHA256:bbb' }, '',
      'The host key of bastion (bastion.example:2222) is marked as revoked in /k, line 3. Nothing was sent. Ask whoever runs the server.'
      + ' Got ssh-ed25519 SHA256:bbb, known is ssh-rsa SHA256:aaa.'],
    ['host-key-mismatch', { ...HOP, expected: 'ssh-ed25519 SHA256:aaa', keyType: 'ssh-ed25519', fingerprint: 'SHA256:bbb' }, '',
      'bastion (bastion.example:2222) showed another host key in the middle of the connection, as only someone does who has taken it over. It was ended.'
      + ' Expected ssh-ed25519 SHA256:aaa, got ssh-ed25519 SHA256:bbb.'],
    ['host-key-unknown', { ...HOP, keyType: 'ssh-ed25519', fingerprint: 'SHA256:bbb' }, '',
      'The host key of bastion (bastion.example:2222) is not in known_hosts, and StrictHostKeyChecking does not allow asking. It is ssh-ed25519 SHA256:bbb. Add the key, then start again.'],
    ['host-key-revoked', { ...HOP, file: '/revoked' }, '',
      'The host key of bastion (bastion.example:2222) is marked as revoked in /revoked. Nothing was sent. Ask whoever runs the server.'],
    ['auth-failed', { ...HOP, tried: ['publickey', 'password'] }, 'x', 'bastion (bastion.example:2222) did not accept the login of me. Tried: publickey, password.'],
    ['auth-failed', { ...HOP, tried: [] }, 'x', 'bastion (bastion.example:2222) did not accept the login of me. It offered no way to log in that Culvert could use.'],
    [
      'auth-failed', { ...HOP, tried: [], unusable: ['my token (agent): it lives on a FIDO security key, which is not supported'] }, 'x',
      'bastion (bastion.example:2222) did not accept the login of me. It offered no way to log in that Culvert could use. Not used: my token (agent): it lives on a FIDO security key, which is not supported.',
    ],
    ['auth-failed', { ...HOP, tried: ['password'], unusable: ['a: x', 'b: y', 'c: z'] }, 'x', 'bastion (bastion.example:2222) did not accept the login of me. Tried: password. Not used: a: x; b: y; and 1 more, see the log.'],
    ['auth-failed', HOP, 'bastion: the server wants the password to be changed first',
      'bastion (bastion.example:2222) did not accept the login of me: the server wants the password to be changed first.'],
    ['identity-unreadable', { path: '/id', reason: 'it does not exist' }, 'The key file /id cannot be used: it does not exist.', 'The key file /id cannot be used: it does not exist.'],
    ['identity-unreadable', { path: '/id' }, 'no passphrase fitted', 'The key file /id cannot be used: no passphrase fitted.'],
    ['remote-bind-refused', { ...HOP, address: 'localhost:9000' }, '',
      'bastion (bastion.example:2222) let you in but did not listen on localhost:9000. Either a program there has the port,'
      + ' or its sshd_config forbids it: AllowTcpForwarding, PermitListen and, for an address that is not its loopback, GatewayPorts decide.'],
    ['remote-bind-refused', { hop: 'bastion', address: '[::1]:80' }, '',
      'bastion let you in but did not listen on [::1]:80. Either a program there has the port, or ports below 1024 need a login as root,'
      + ' or its sshd_config forbids it: AllowTcpForwarding, PermitListen and, for an address that is not its loopback, GatewayPorts decide.'],
    ['remote-bind-refused', { hop: 'bastion', address: 'localhost:9000', heldBy: 'your forward web' }, '',
      'bastion let you in but did not listen on localhost:9000: your forward web listens there already. Stop it, or choose another port.'],
    ['forwarding-prohibited', { hop: 'bastion' }, '', 'bastion let you in but forbids this forward. In its sshd_config, AllowTcpForwarding and PermitOpen decide, and in authorized_keys the options of your key.'],
    ['forwarding-prohibited', { destination: 'db:5432', isProxy: true }, '',
      'The SSH server let you in but forbids connections to db:5432. In its sshd_config, AllowTcpForwarding and PermitOpen decide, and in authorized_keys the options of your key.'],
    ['destination-refused', { host: 'far', port: 80 }, '', 'far:80 refused the connection. Is the program there running, and on that port?'],
    ['destination-refused', { host: '::1', port: 80 }, '', '[::1]:80 refused the connection. Is the program there running, and on that port?'],
    ['destination-refused', { destination: 'db:5432' }, '', 'db:5432 refused the connection. Is the program there running, and on that port?'],
    ['destination-unreachable', { host: 'far', port: 80, reason: 'ENOTFOUND' }, 'far:80: getaddrinfo ENOTFOUND far', 'far:80 could not be reached: no address was found for it.'],
    ['destination-unreachable', { host: 'far', port: 80, reason: '' }, 'far:80: strange', 'far:80 could not be reached: strange.'],
    ['destination-unhealthy', { destination: 'web:80', request: 'GET /', status: 503, expected: '2xx or 3xx' }, 'web:80: GET /: answered 503', 'web:80 takes connections, but answered GET / with HTTP status 503, where the health check expects 2xx or 3xx. Look at the program there, or change the check.'],
    ['destination-unhealthy', { destination: 'web:80', request: 'GET /', said: 'SSH-2.0-x' }, 'd', 'web:80 takes connections, but did not answer GET / in HTTP: it said "SSH-2.0-x". The health check speaks plain HTTP; for anything else, HTTPS too, let it only connect.'],
    ['destination-unhealthy', { destination: 'web:80', request: 'GET /', reason: 'late', timeoutMs: 5_000 }, 'd', 'web:80 takes connections, but did not answer GET / within 5 s. It is busy or hangs, or waits for something else than HTTP.'],
    ['destination-unhealthy', { destination: '/run/a.sock', path: '/run/a.sock', request: 'GET /', reason: 'ended' }, 'd', 'The socket /run/a.sock takes connections, but ended the connection without an answer to GET /. Look at the program there.'],
    ['destination-unreachable', { destination: 'db:5432' }, 'db:5432: no answer within 20000 ms', 'db:5432 could not be reached: no answer within 20000 ms.'],
    ['running-elsewhere', { port: 80 }, '', 'Another window of this editor forwards port 80 already, and programs can use it. Stop it there to run it here.'],
    ['running-elsewhere', { port: 80, isSilent: true }, '', 'Another window of this editor has port 80 and does not answer, so what it does there is not known: most likely it runs this forward. Close that window to run it here.'],
    ['running-elsewhere', { path: '/a.sock' }, '', 'Another window of this editor forwards the socket /a.sock already, and programs can use it. Stop it there to run it here.'],
    ['address-in-use', { host: '127.0.0.1', port: 8003, portCount: 11, freePort: 8011, program: 'node', pid: 7 }, '',
      'Port 8003 on this computer is in use by node (pid 7). Stop it, or listen on other ports.'],
    ['address-in-use', { host: '127.0.0.1', port: 53, isUdp: true, program: 'dnsmasq', pid: 7 }, '', 'UDP port 53 on this computer is in use by dnsmasq (pid 7). Stop it, or listen on another port.'],
    ['address-in-use', { path: '/a.sock' }, '', 'The socket /a.sock is in use by another program. Stop it, or choose another path.'],
    ['address-in-use', { path: '/a.sock', heldBy: 'your forward web' }, '', 'The socket /a.sock is in use by your forward web. Stop it, or choose another path.'],
    ['address-in-use', { path: '/a', isFile: true }, '', 'There is already a file /a, which Culvert never removes. Choose another path.'],
    ['address-in-use', { path: '/a.sock', isStale: true }, '',
      'The socket /a.sock is there already, but no program listens on it any more: one that has ended left it behind. Remove it, or choose another path.'],
    ['permission-denied', { path: '/run/a.sock', reason: 'EACCES' }, '', 'The socket /run/a.sock cannot be made: you may not write to its folder. Choose a path in a folder of your own.'],
    ['permission-denied', { path: '/run/a.sock', reason: 'EROFS' }, '', 'The socket /run/a.sock cannot be made: its disk can only be read. Choose a path in a folder of your own.'],
    ['address-not-available', { path: '/no/a.sock', reason: 'ENOENT' }, '', 'The socket /no/a.sock cannot be made: its folder does not exist. Choose another path.'],
    ['address-not-available', { path: '/a.sock', reason: 'EPERM' }, '', 'The socket /a.sock cannot be made: this system takes no socket there. Choose another path.'],
    ['address-not-available', { path: '/long.sock', limitBytes: 107 }, '', 'The path /long.sock is too long for a socket: this system takes 107 bytes. Choose a shorter one.'],
    ['remote-bind-refused', { hop: 'bastion', address: '/run/a.sock' }, '',
      'bastion let you in but did not listen on /run/a.sock. Either something has that path, such as a socket that an earlier connection left behind, or you may not write to its folder,'
      + ' or its sshd_config forbids it: AllowStreamLocalForwarding decides.'],
    ['remote-bind-refused', { hop: 'bastion', address: '/run/a.sock', heldBy: 'your forward web' }, '',
      'bastion let you in but did not listen on /run/a.sock: your forward web listens there already. Stop it, or choose another path.'],
    ['forwarding-prohibited', { hop: 'bastion', destination: '/run/a.sock' }, '', 'bastion let you in but forbids this forward. In its sshd_config, AllowStreamLocalForwarding, AllowTcpForwarding and PermitOpen decide, and in authorized_keys the options of your key.'],
    ['destination-refused', { path: '/run/a.sock' }, '', 'The socket /run/a.sock refused the connection. Is the program there running?'],
    ['destination-refused', { destination: '/run/a.sock' }, '', 'The socket /run/a.sock refused the connection. Is the program there running?'],
    ['destination-unreachable', { path: '/run/a.sock', reason: 'ENOENT' }, '/run/a.sock: connect ENOENT', 'The socket /run/a.sock could not be reached: there is no such socket.'],
    ['destination-unreachable', { path: '/run/a.sock', reason: 'EPROTOTYPE' }, '/run/a.sock: wrong type of socket', 'The socket /run/a.sock could not be reached: wrong type of socket.'],
    ['destination-unreachable', { path: '/run/a.sock', destination: '/run/a.sock' }, '/run/a.sock: open failed. Either nobody listens there, or it is forbidden',
      'The socket /run/a.sock could not be reached: open failed. Either nobody listens there, or it is forbidden.'],
    ['destination-unreachable', { path: '/run/a.sock', reason: 'EACCES' }, '/run/a.sock: connect EACCES', 'The socket /run/a.sock could not be reached: you may not connect to it.'],
    ['invalid-forward', {}, 'Port 70000 is above 65535.', 'Port 70000 is above 65535.'],
    ['invalid-forward', {}, '', 'The reason is not known.'],
  ])('%s with %j, "%s"', (code, context, detail, sentence) => {
    expect(explain(failure(code, context, detail)).sentence).toBe(sentence);
  });
});

describe('what can be done', () => {
  it.each<[FailureCode, FailureContext, Remedy]>([
    ['address-in-use', { port: 80, freePort: 81 }, { kind: 'listen-on', port: 81 }],
    ['address-in-use', { port: 8003, freePort: 8011, portCount: 11 }, { kind: 'listen-on', port: 8011, portCount: 11 }],
    ['address-in-use', { path: '/a.sock', isStale: true }, { kind: 'remove-socket', path: '/a.sock' }],
    ['permission-denied', { port: 80 }, { kind: 'listen-on', port: 8080 }],
    ['permission-denied', { port: 80, freePort: 8081 }, { kind: 'listen-on', port: 8081 }],
    ['permission-denied', { port: 50_010, firstUnprivileged: 0, excluded: '50000 to 50059', freePort: 50_060 }, { kind: 'listen-on', port: 50_060 }],
    ['permission-denied', { port: 80, recipe: 'sudo sysctl' }, { kind: 'copy', title: 'Copy the System\'s Recipe', text: 'sudo sysctl' }],
    ['host-key-mismatch', { file: '/k', line: 12 }, { kind: 'open-file', title: 'Open known_hosts at Line 12', path: '/k', line: 12 }],
    ['host-key-revoked', { file: '/k' }, { kind: 'open-file', title: 'Open known_hosts', path: '/k' }],
    ['host-key-mismatch', { file: '/k', keygen: 'ssh-keygen -R h' }, { kind: 'copy', title: 'Copy ssh-keygen -R', text: 'ssh-keygen -R h' }],
    ['remote-bind-refused', { address: '*:9000' }, {
      kind: 'copy', title: 'Copy sshd_config Lines',
      text: 'AllowTcpForwarding yes\n# PermitListen, where it is set, has to name *:9000\n# To listen on other addresses than the loopback:\n# GatewayPorts clientspecified\n'
        + '# The line of your key in authorized_keys may forbid it too: restrict, permitlisten',
    }],
    ['config-invalid', { file: '/c', line: 3 }, { kind: 'open-file', title: 'Open ssh_config', path: '/c', line: 3 }],
  ])('about %s with %j: %j', (code, context, remedy) => {
    expect(explain(failure(code, context)).remedies).toContainEqual(remedy);
  });

  it('about a forward of ssh_config is done in the file, never by changing the forward here', () => {
    const { remedies } = explain(failure('address-in-use', { port: 80, freePort: 81 }));
    expect(remediesFor({}, remedies)).toEqual(remedies);
    expect(remediesFor({ source: { file: '/c', line: 3 } }, remedies)).toEqual([
      { kind: 'retry' }, { kind: 'open-file', title: 'Open ssh_config at Line 3', path: '/c', line: 3 },
    ]);
  });

  it('removes nothing but a socket that nobody listens on', () => {
    for (const context of [{ path: '/a' }, { path: '/a', isFile: true }, { path: '/a', heldBy: 'your forward web' }, { path: '/a', isStale: false }]) {
      expect(explain(failure('address-in-use', context)).remedies.map(({ kind }) => kind), JSON.stringify(context)).toEqual(['retry', 'edit']);
    }
  });

  it('never accepts a key that changed or was revoked', () => {
    for (const code of ['host-key-mismatch', 'host-key-revoked'] as const) {
      expect(explain(failure(code, { ...HOP, file: '/k', keygen: 'k' })).remedies.map(({ kind }) => kind)).not.toContain('retry');
    }
  });
});
