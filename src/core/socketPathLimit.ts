/** The most that any system takes, `sun_path` of Linux (unix(7)), and what parse_forward of OpenSSH's readconf.c takes there. */
export const MAX_SOCKET_PATH_BYTES = 107;

/** How many bytes the path of a Unix socket may have on a system, by Node's name of it: `sun_path` of unix(7) less its zero byte. */
export function socketPathLimit(platform: string): number {
  return platform === 'linux' || platform === 'android' ? MAX_SOCKET_PATH_BYTES : 103;
}

/** Whether a path names a pipe of Windows, which is no file; nothing does elsewhere. */
export function isNamedPipe(path: string, platform: string): boolean {
  return platform === 'win32' && /^\\\\[.?]\\pipe\\./i.test(path);
}
