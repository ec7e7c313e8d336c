import { isIPv4, isIPv6 } from 'node:net';

/** A SOCKS 4 request, CONNECT unless told otherwise. */
export function socks4(address: string, port: number, user = '', command = 1): Buffer {
  return Buffer.concat([Buffer.from([4, command, port >> 8, port & 0xff, ...address.split('.').map(Number)]), Buffer.from(`${user}\0`)]);
}

export function socks4a(name: string, port: number): Buffer {
  return Buffer.concat([socks4('0.0.0.1', port), Buffer.from(`${name}\0`)]);
}

/** A SOCKS 5 greeting without login and the request behind it, the address as what it looks like. */
export function socks5(host: string, port: number, as: 'address' | 'name' = 'address'): Buffer {
  return Buffer.concat([Buffer.from([5, 1, 0, 5, 1, 0]), as === 'address' ? addressField(host) : nameField(host), Buffer.from([port >> 8, port & 0xff])]);
}

/** As `socks5`, with the login of RFC 1929 between the greeting, which offers that method alone, and the request. */
export function socks5WithLogin(user: string, password: string, host: string, port: number): Buffer {
  return Buffer.concat([Buffer.from([5, 1, 2]), login(user, password), socks5(host, port).subarray(3)]);
}

/** The login of RFC 1929. */
export function login(user: string, password: string): Buffer {
  const [name, word] = [Buffer.from(user), Buffer.from(password)];
  return Buffer.concat([Buffer.from([1, name.length]), name, Buffer.from([word.length]), word]);
}

/** The field of HTTP that logs in to a proxy (RFC 7617). */
export function basicLogin(user: string, password: string): string {
  return `Proxy-Authorization: Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

export function http(...lines: readonly string[]): Buffer {
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

function addressField(host: string): Buffer {
  if (isIPv4(host)) return Buffer.from([1, ...host.split('.').map(Number)]);
  return isIPv6(host) ? Buffer.concat([Buffer.from([4]), ipv6Bytes(host)]) : nameField(host);
}

function nameField(name: string): Buffer {
  const bytes = Buffer.from(name);
  return Buffer.concat([Buffer.from([3, bytes.length]), bytes]);
}

function ipv6Bytes(address: string): Buffer {
  const [head = '', tail] = address.split('::');
  const groups = (text: string): number[] => text.split(':').filter((group) => group !== '').map((group) => Number.parseInt(group, 16));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const all = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}
