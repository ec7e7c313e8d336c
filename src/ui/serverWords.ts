/** What is known about a server that did not come to a login, or ended the connection; empty texts where it is not. */
export interface ServerWords {
  /** As a sentence begins with it. */
  readonly server: string;
  /** False when `server` only says that it is one. */
  readonly isNamed: boolean;
  /** How far it came before it fell silent: `nothing`, `text` that is no SSH, `ssh`. */
  readonly heard: string;
  /** What it interrupted: the `handshake`, the `authentication`. */
  readonly stage: string;
  /** Its own words, cleaned. */
  readonly said: string;
  /** The protocol it speaks instead of SSH. */
  readonly speaks: string;
  /** Why it can be no SSH server. */
  readonly reason: string;
}

/** A server that did not answer in time. */
export function describeSilence({ server, isNamed, heard, said }: ServerWords): string {
  const sshServer = isNamed ? `The SSH server ${server}` : server;
  switch (heard) {
    case 'nothing':
      return `${server} accepts connections but says nothing. It may be too busy, or no SSH server: check the port.`;
    case 'text':
      return `${server} said "${said}" and no more, and no SSH server begins like that. Check the port.`;
    case 'ssh':
      return `${sshServer} stopped answering in the middle of the SSH handshake.`;
    default:
      return `${sshServer} did not answer in time. Check the address, a firewall between, or a VPN it may need.`;
  }
}

/** A server that is no SSH server. */
export function describeForeign({ server, speaks, reason }: ServerWords): string {
  if (speaks === 'HTTP') return `${server} is a web server (HTTP), not an SSH server. Check the port.`;
  if (speaks === 'TLS') return `${server} speaks TLS, as web servers do on port 443, and is no SSH server. Check the port.`;
  if (speaks !== '') return `${server} speaks ${speaks} and is no SSH server. Check the port.`;
  return `${server} is no SSH server${reason === '' ? '' : `: ${reason}`}. Check the port.`;
}

/** A server that closed the connection: before, during or after the login. */
export function describeLoss({ server, isNamed, stage, said }: ServerWords): string {
  const words = said === '' ? '' : `It said "${said}".`;
  switch (stage) {
    case 'handshake':
      return `${server} closed the connection before anyone could log in. ${words || 'It may be too busy, or refuse this computer; its own log tells.'}`;
    case 'authentication':
      return `${server} closed the connection during the login. ${words || 'Its own log tells why.'}`;
    default:
      return `The SSH connection to ${isNamed ? server : 'the SSH server'} was lost.${said === '' ? '' : ` The server said "${said}".`}`;
  }
}
