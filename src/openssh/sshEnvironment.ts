import { existsSync, readFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';

/** Where OpenSSH lives on this machine and for whom it is asked. */
export interface SshEnvironment {
  /** The ssh program: a name that PATH finds, or an absolute path. */
  readonly sshPath: string;
  /** Read instead of the user's and the system's file, as `ssh -F` does; `none` reads nothing. */
  readonly configFile?: string;
  /** The home folder of the user database: ssh asks getpwuid(3) and ignores $HOME. */
  readonly home: string;
  readonly localUser: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  /** What gethostname(2) answers; `%l`. */
  readonly localHostName: string;
  /** `%i`; absent on Windows. */
  readonly localUserId?: number;
  /** The home folder of another user, for `~user`; undefined where it is not known. */
  readonly homeOf?: (user: string) => string | undefined;
}

/** The machine as it is; `overrides` replace single answers. */
export function systemSshEnvironment(overrides: Partial<SshEnvironment> = {}): SshEnvironment {
  const user = userInfo();
  return {
    sshPath: 'ssh',
    home: user.homedir,
    localUser: user.username,
    env: process.env,
    platform: process.platform,
    localHostName: hostname(),
    ...(user.uid >= 0 ? { localUserId: user.uid } : {}),
    homeOf: homeInPasswd,
    ...overrides,
  };
}

/** passwd(5). Users of a directory service are not there. */
function homeInPasswd(user: string): string | undefined {
  try {
    const line = readFileSync('/etc/passwd', 'utf8').split('\n').find((each) => each.startsWith(`${user}:`));
    return line?.split(':')[5];
  } catch {
    return undefined;
  }
}

/**
 * The program to start. A bare name on Windows becomes a full path here, because CreateProcess would look into the
 * current folder first.
 */
export function locateSsh({ sshPath, platform, env }: SshEnvironment): string {
  if (platform !== 'win32' || /[\\/]/.test(sshPath)) return sshPath;
  const program = sshPath.toLowerCase().endsWith('.exe') ? sshPath : `${sshPath}.exe`;
  const ownFolder = join(env.SystemRoot ?? 'C:\\Windows', 'System32', 'OpenSSH');
  const folders = [...(env.Path ?? env.PATH ?? '').split(';'), ownFolder].filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path)) ?? join(ownFolder, program);
}

/** The folder of the system-wide files: `/etc/ssh`, or the one below ProgramData that Windows' OpenSSH uses. */
export function systemSshFolder({ platform, env }: SshEnvironment): string {
  return platform === 'win32' ? join(env.ProgramData ?? 'C:\\ProgramData', 'ssh') : '/etc/ssh';
}
