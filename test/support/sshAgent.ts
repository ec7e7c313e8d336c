import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { eventually } from './eventually.ts';
import { run } from './processes.ts';
import { createTemporaryFolder } from './temporaryFolder.ts';

/** A real ssh-agent with its own socket. */
export interface SshAgent {
  readonly socketPath: string;
  /** Adds a key file, with the certificate beside it if there is one. */
  add(path: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startSshAgent(): Promise<SshAgent> {
  const folder = await createTemporaryFolder('agent');
  const socketPath = folder.join('socket');
  const child = spawn('ssh-agent', ['-D', '-a', socketPath], { stdio: 'ignore' });
  await eventually(() => existsSync(socketPath));
  return {
    socketPath,
    add: async (path) => { await run('env', [`SSH_AUTH_SOCK=${socketPath}`, 'ssh-add', '-q', path]); },
    stop: async () => {
      const exit = once(child, 'exit');
      child.kill();
      await exit;
      await folder.remove();
    },
  };
}
