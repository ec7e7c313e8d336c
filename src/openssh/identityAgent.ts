import { readdirSync } from 'node:fs';

/** Where Windows keeps its named pipes; listed like a folder. */
const PIPES = '\\\\.\\pipe\\';

const OPENSSH_AGENT = 'openssh-ssh-agent';

/** Pageant's own name ends in a hash that no other program can compute, hence the search (agent_named_pipe_name of PuTTY). */
const PAGEANT = /^pageant\.(?<user>.+)\.[0-9a-f]{64}$/i;

/** The pipe of the agent on Windows where nothing names one: that of OpenSSH's service, else Pageant's. */
export function windowsAgent(localUser: string, pipes: readonly string[] = listPipes()): string {
  if (pipes.includes(OPENSSH_AGENT)) return PIPES + OPENSSH_AGENT;
  const isOwn = (pipe: string): boolean => PAGEANT.exec(pipe)?.groups?.['user']?.toLowerCase() === localUser.toLowerCase();
  return PIPES + (pipes.find(isOwn) ?? OPENSSH_AGENT);
}

function listPipes(): string[] {
  try {
    return readdirSync(PIPES);
  } catch {
    return [];
  }
}
