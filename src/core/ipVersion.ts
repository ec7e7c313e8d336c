/** Which version of IP an address in figures belongs to; undefined for names. */
export function ipVersion(host: string): 4 | 6 | undefined {
  if (/^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/.test(host)) return 4;
  return host.includes(':') && /^[\da-f:.]+$/i.test(host) ? 6 : undefined;
}
