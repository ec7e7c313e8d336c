import { untrustedText } from './failure.ts';
import { quoted, TextError, type Piece } from './forwardText.ts';
import { MAX_SOCKET_PATH_BYTES } from './socketPathLimit.ts';
import { utf8Length } from './utf8.ts';

/** The machine that a pole is on: this one or the SSH server. */
export type Side = 'here' | 'server';

/** A named pipe of Windows as Win32 takes it, and what a text must begin with to be meant as one. */
const PIPE = /^\\\\[.?]\\pipe\\(?!$)/i;
const DEVICE = /^\\\\[.?]\\/;
const PIPE_PREFIX = String.raw`\\.\pipe` + '\\';

/** The home folder of this machine, as people and shells write it. */
const HOME = /^(?:~|\$HOME|\$\{HOME\})\//;

/** What would not survive: brackets and arrows are the notation's own; ssh(1) replaces the others (TOKENS, ENVIRONMENT VARIABLES). */
const NOT_IN_PATHS = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|[[\]]|->|=>|→|%|\$\{/u;

/** As in ssh(1), what contains a slash is the path of a Unix socket. */
export function isPath({ text }: Piece): boolean {
  return text.includes('/') || DEVICE.test(unbracketed(text));
}

/** The path of a Unix socket, or a named pipe; brackets around it protect its colons. */
export function readPath(piece: Piece, side: Side): string {
  const text = unbracketed(piece.text);
  if (DEVICE.test(text)) return readPipe(text, piece, side);
  const home = HOME.exec(text)?.[0];
  if (home !== undefined && side === 'server') throw new TextError(`The server does not expand ${quoted(home.slice(0, -1))}: write the whole path, as in "/home/me/x.sock".`, piece);
  const path = home === undefined ? text : `~/${text.slice(home.length)}`;
  if (!/^~?\//.test(path)) throw new TextError(`${quoted(text)} is not the whole path of a socket: that begins with "/"${side === 'here' ? ', or with "~/" for your home folder' : ''}.`, piece);
  checkCharacters(path, piece);
  if (path.includes('\\') && text === piece.text) throw new TextError(String.raw`A path with "\" in it needs brackets, as in "[/run/a\b]".`, piece);
  if (path.endsWith('/')) throw new TextError(`${quoted(text)} is a folder: add the name of the socket.`, piece);
  const length = utf8Length(path);
  if (length > MAX_SOCKET_PATH_BYTES) throw new TextError(`The path of a socket has at most ${String(MAX_SOCKET_PATH_BYTES)} bytes, and this one has ${String(length)}.`, piece);
  return path;
}

const MAX_PIPE_NAME_LENGTH = 256;

function readPipe(text: string, piece: Piece, side: Side): string {
  if (side === 'server') throw new TextError('A named pipe is on this computer only: on the server, write the path of a Unix socket.', piece);
  const prefix = PIPE.exec(text)?.[0];
  if (prefix === undefined) throw new TextError(String.raw`${quoted(text)} is no named pipe: write \\.\pipe\ and its name.`, piece);
  const name = text.slice(prefix.length);
  checkCharacters(name, piece);
  const separator = /[/\\]/.exec(name)?.[0];
  if (separator !== undefined) throw new TextError(`The name of a pipe cannot contain ${quoted(separator)}.`, piece);
  if (name.length > MAX_PIPE_NAME_LENGTH) throw new TextError(`The name of a pipe has at most ${String(MAX_PIPE_NAME_LENGTH)} characters.`, piece);
  return PIPE_PREFIX + name;
}

function checkCharacters(path: string, piece: Piece): void {
  const wrong = NOT_IN_PATHS.exec(path)?.[0];
  if (wrong === undefined) return;
  if (wrong === '%' || wrong === '${') throw new TextError(`ssh puts something else in the place of ${quoted(wrong)} in a path: write what is meant.`, piece);
  throw new TextError(`A path cannot contain ${untrustedText(wrong) === '' || /\p{Cf}/u.test(wrong) ? 'a control character' : quoted(wrong)}.`, piece);
}

function unbracketed(text: string): string {
  return text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
}
