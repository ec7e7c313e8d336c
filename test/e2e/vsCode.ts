import { createVSIX } from '@vscode/vsce';
import { connect } from 'node:net';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { descendantsOf, runAnyway, signalProcess } from '../support/processes.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';
import { startVsCode, type RunningVsCode, type VsCodeVersion } from '../tools/vscode.mjs';
import { descriptorsOf } from './descriptors.ts';
import { asNormalUser, prepareRealSshFolder } from './normalUser.ts';

const ROOT = join(import.meta.dirname, '../..');

type Settings = Readonly<Record<string, unknown>>;

/** The VS Code server of a whole run: its own user data, home folder and ~/.ssh, and the packaged extension. */
export class VsCode {
  private constructor(
    readonly version: VsCodeVersion,
    private readonly running: RunningVsCode,
    private readonly folder: TemporaryFolder,
    private readonly initialSettings: string,
  ) {}

  static async start(version: VsCodeVersion, settings: Settings): Promise<VsCode> {
    const folder = await createTemporaryFolder('vscode');
    await mkdir(folder.join('home', '.ssh'), { recursive: true, mode: 0o700 });
    const realSshFolder = await prepareRealSshFolder();
    const running = await startVsCode({
      version,
      dataFolder: folder.path,
      vsixes: [findVsix(), await packCaller(folder.join('caller.vsix'))],
      settings: { 'security.workspace.trust.enabled': false, ...settings },
      // No agent of whoever runs the tests; and an inspector, where a test opens one, has a port of its own.
      extraEnv: { HOME: folder.join('home'), SSH_AUTH_SOCK: '', SSH_ASKPASS: '', NODE_OPTIONS: '--inspect-port=0', CULVERT_TEST_FOLDER: await madeFolder(folder.join('callers')) },
      commandPrefix: asNormalUser(folder.join('home', '.ssh'), realSshFolder),
    });
    return new VsCode(version, running, folder, await readFile(running.settingsFile, 'utf8'));
  }

  /** The extension's ~/.ssh, for `ssh` as well as for whoever asks $HOME. */
  get sshFolder(): string {
    return this.folder.join('home', '.ssh');
  }

  get homeFolder(): string {
    return this.folder.join('home');
  }

  get settingsFile(): string {
    return this.running.settingsFile;
  }

  urlOf(folder: string): string {
    return this.running.urlOf(folder);
  }

  output(): string {
    return this.running.output();
  }

  /** Writes a file of ~/.ssh, readable by its owner alone, and gives its path. */
  async writeSshFile(name: string, content: string): Promise<string> {
    const path = join(this.sshFolder, name);
    await writeFile(path, content, { mode: 0o600 });
    await chmod(path, 0o600);
    return path;
  }

  /** Waits for a file that is being written, which is empty for a moment, to be whole. */
  async readSettings(): Promise<Record<string, unknown>> {
    return eventually(async () => JSON.parse(await this.readSettingsText()) as Record<string, unknown>, { explain: () => this.readSettingsText() });
  }

  async readSettingsText(): Promise<string> {
    return readFile(this.settingsFile, 'utf8');
  }

  /** Writes user settings to the disk, for the next window to read; one that is open takes no notice. `undefined` removes. */
  async writeSettings(changes: Settings): Promise<void> {
    const settings = { ...(await this.readSettings()), ...changes };
    await writeFile(this.settingsFile, JSON.stringify(settings, undefined, 2));
  }

  /** The files of this VS Code that hold a text: settings, state, logs; not ~/.ssh. */
  async filesWith(text: string): Promise<string[]> {
    const { stdout } = await runAnyway('grep', ['--recursive', '--files-with-matches', '--text', '--fixed-strings', '--exclude-dir=.ssh', '--exclude-dir=extensions', '-e', text, this.folder.path]);
    return stdout.split('\n').filter((path) => path !== '');
  }

  /** Back to the settings of the start and an empty ~/.ssh. */
  async reset(): Promise<void> {
    await writeFile(this.settingsFile, this.initialSettings);
    for (const entry of readdirSync(this.sshFolder)) await rm(join(this.sshFolder, entry), { recursive: true });
  }

  /** The process ids of the extension hosts: one for each open workbench. */
  extensionHostPids(): number[] {
    return descendantsOf(this.running.pid).filter((pid) => commandLine(pid).includes('--type=extensionHost'));
  }

  /**
   * Waits until no workbench is open any more, so that no port of the last test is still held. A page that is left does not
   * always get its goodbye through to the server, which then keeps the extension host for hours: that one is ended.
   */
  async waitUntilIdle(): Promise<void> {
    const isIdle = (): boolean => this.extensionHostPids().length === 0;
    await eventually(isIdle, { deadlineMs: 10_000 }).catch(() => { this.killExtensionHosts(); });
    await eventually(isIdle);
  }

  /**
   * Waits until no extension host holds a TCP socket any more, but for the one to the browser: no port, no client, no
   * connection to a server or destination.
   */
  async waitUntilNothingIsOpen(): Promise<void> {
    const toBrowser = `:${Number(new URL(this.running.url).port).toString(16).toUpperCase().padStart(4, '0')} `;
    const open = (): string[] => this.extensionHostPids().flatMap((pid) => descriptorsOf(pid).tcp.filter((line) => !line.includes(toBrowser)));
    await eventually(() => open().length === 0, { explain: () => `Open:\n${open().join('\n')}` });
  }

  /** Ends an extension host as a crash would. */
  killExtensionHosts(): void {
    for (const pid of this.extensionHostPids()) signalProcess(pid, 'SIGKILL');
  }

  /**
   * Runs the body of an async function in the extension host, in another extension; `api` is Culvert's API. Rejects with
   * the `code` and `message` of what it throws.
   */
  async evaluate<T>(body: string): Promise<T> {
    const [pid] = this.extensionHostPids();
    const address = this.folder.join('callers', String(pid));
    // The other extension is started with the editor, which takes a moment.
    await eventually(() => existsSync(address), { deadlineMs: 30_000 });
    const socket = connect(address);
    socket.end(body);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    const { value, error } = JSON.parse(Buffer.concat(chunks).toString()) as { value: T; error?: { code?: string; message: string } };
    if (error !== undefined) throw Object.assign(new Error(error.message), { code: error.code });
    return value;
  }

  async stop(): Promise<void> {
    await this.running.stop();
    await this.folder.remove();
  }
}

/** The package that `npm run package` made, or the one that CULVERT_VSIX names. */
function findVsix(): string {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const path = process.env.CULVERT_VSIX ?? join(ROOT, `culvert-${version}.vsix`);
  if (!existsSync(path)) throw new Error(`${path} is not there. Make it with: npm run package`);
  return path;
}

/** Packs the extension that calls Culvert's API. */
async function packCaller(path: string): Promise<string> {
  const options = { cwd: join(import.meta.dirname, 'callerExtension'), packagePath: path, dependencies: false };
  await createVSIX({ ...options, allowMissingRepository: true, skipLicense: true, allowStarActivation: true });
  return path;
}

async function madeFolder(path: string): Promise<string> {
  await mkdir(path);
  return path;
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
