import { chmod, copyFile, cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPrivateKey } from '../../src/openssh/identity.ts';
import { resolveTarget } from '../../src/openssh/resolveTarget.ts';
import { systemSshEnvironment } from '../../src/openssh/sshEnvironment.ts';
import { eventually } from '../support/eventually.ts';
import { PlaneClient } from '../support/planeClient.ts';
import { trusting } from '../support/planeTargets.ts';
import { run, runAnyway } from '../support/processes.ts';
import { startSshAgent, type SshAgent } from '../support/sshAgent.ts';
import { fixed, here } from '../support/poles.ts';
import { Sshd } from '../support/sshd.ts';
import { createSshKey, type SshKeyType } from '../support/sshKeys.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';
import { OFFER_CASES, type OfferCase } from './planeOfferCases.ts';

const PASSPHRASE = 'correct horse';
/** Mounting over ~/.ssh, where ssh looks for the default files, needs root. */
const isRoot = process.getuid?.() === 0;

interface Made {
  readonly type?: SshKeyType;
  readonly passphrase?: string;
  readonly format?: 'PEM' | 'PKCS8';
  /** Its .pub is taken away. */
  readonly isAlone?: true;
  readonly mode?: number;
}

const KEYS: Readonly<Record<string, Made>> = {
  one: {}, two: {}, three: {}, rsa: { type: 'rsa' }, ecdsa: { type: 'ecdsa' }, gone: {}, crossed: {}, accepted: {},
  loose: { mode: 0o644 }, looseaccepted: { mode: 0o644 }, locked: { passphrase: PASSPHRASE }, lockedaccepted: { passphrase: PASSPHRASE },
  pem: { type: 'rsa', format: 'PEM', isAlone: true }, pkcs8: { type: 'rsa', format: 'PKCS8', isAlone: true },
  lockedpem: { type: 'rsa', format: 'PEM', isAlone: true, passphrase: PASSPHRASE }, loosepem: { type: 'rsa', format: 'PEM', isAlone: true, mode: 0o644 },
};

let folder: TemporaryFolder;
let plane: PlaneClient;
/** Fingerprint → name. */
const names = new Map<string, string>();
const servers = new Map<string, Sshd>();
const table: string[] = [];

beforeAll(async () => {
  folder = await createTemporaryFolder('offers');
  const keys = await Promise.all(Object.entries(KEYS).map(([name, made]) => makeKey(name, made)));
  const authorizedKeys = keys.filter(({ name }) => name.endsWith('accepted')).map(({ publicKey }) => publicKey);
  await Promise.all([copyFile(folder.join('three.pub'), folder.join('crossed.pub')), copyFile(folder.join('gone'), folder.join('kept'))]);
  await rm(folder.join('gone'));
  await writeFile(folder.join('askpass'), `#!/bin/sh\necho '${PASSPHRASE}'\n`, { mode: 0o755 });
  const start = (...extraConfig: string[]): Promise<Sshd> => Sshd.start({ authorizedKeys, extraConfig: ['LogLevel DEBUG', ...extraConfig] });
  const passwords = ['PasswordAuthentication yes', 'KbdInteractiveAuthentication yes'];
  const [keysAlone, strict, all] = await Promise.all([start(), start('MaxAuthTries 3'), start(...passwords)]);
  servers.set('keys', keysAlone).set('strict', strict).set('passwords', all);
  plane = await PlaneClient.start({
    ...trusting(...servers.values()),
    needIdentity: async ({ path }) => ({ privateKey: await readPrivateKey(path) }),
    needSecret: async ({ prompts }) => ({ isCancelled: false, answers: prompts.map(() => PASSPHRASE) }),
  });
});

afterAll(async () => {
  console.log(['', 'The order of offers, as ssh and the plane show it to the same sshd:', ...table].join('\n'));
  await plane.close();
  for (const sshd of servers.values()) await sshd.stop();
  await folder.remove();
});

async function makeKey(name: string, { type, passphrase = '', format, isAlone, mode }: Made): Promise<{ name: string; publicKey: string }> {
  const path = folder.join(name);
  const { publicKey, fingerprint } = await createSshKey(path, type, passphrase);
  names.set(fingerprint, name);
  if (format !== undefined) await run('ssh-keygen', ['-q', '-p', '-m', format, '-P', passphrase, '-N', passphrase, '-f', path]);
  if (isAlone === true) await rm(`${path}.pub`);
  if (mode !== undefined) await chmod(path, mode);
  return { name, publicKey };
}

/** One case, prepared for both. */
interface Setting {
  readonly sshd: Sshd;
  readonly configFile: string;
  /** The home folder with its .ssh. */
  readonly home: string;
  readonly agentSocket: string;
}

async function withSetting<T>(each: OfferCase, use: (setting: Setting) => Promise<T>): Promise<T> {
  const home = folder.join(`home ${each.name.replaceAll(/\W/g, '')}`);
  await mkdir(`${home}/.ssh`, { recursive: true });
  for (const [file, key] of Object.entries(each.home ?? {})) {
    for (const suffix of ['', '.pub']) await cp(folder.join(key) + suffix, `${home}/.ssh/${file}${suffix}`);
  }
  const agent: SshAgent | undefined = each.agent === undefined ? undefined : await startSshAgent();
  try {
    for (const key of each.agent ?? []) await agent?.add(folder.join(key === 'gone' ? 'kept' : key));
    const sshd = servers.get(each.server ?? 'keys')!;
    const agentSocket = agent?.socketPath ?? '';
    const common = ['StrictHostKeyChecking no', 'UserKnownHostsFile /dev/null', 'GlobalKnownHostsFile /dev/null'];
    const lines = ['Host srv', `HostName ${sshd.host}`, `Port ${String(sshd.port)}`, `User ${sshd.userName}`, ...common, ...each.config];
    const configFile = `${home}/config`;
    await writeFile(configFile, `${lines.join('\n').replaceAll('DIR', folder.path).replaceAll('AGENT', agentSocket)}\n`);
    return await use({ sshd, configFile, home, agentSocket });
  } finally {
    await agent?.stop();
  }
}

/** Runs one client, and gives what the server saw of it: keys by name and methods, one after another. */
async function seenBy(sshd: Sshd, client: () => Promise<(fingerprint: string) => string>): Promise<string[]> {
  const before = sshd.logText().length;
  const sourceOf = await client();
  const isOver = /Connection (?:closed|reset) by|Disconnected from|Disconnecting/;
  const log = await eventually(() => (isOver.test(sshd.logText().slice(before)) ? sshd.logText().slice(before) : undefined));
  const requests = /method (?<method>password|keyboard-interactive) |(?:Failed publickey for|Accepted key|Accepted publickey for) .*?(?<fingerprint>SHA256:\S+)/g;
  const seen = [...log.matchAll(requests)].map(({ groups }) => {
    const { method = '', fingerprint } = groups ?? {};
    return fingerprint === undefined ? method : `${names.get(fingerprint) ?? fingerprint} from ${sourceOf(fingerprint)}`;
  });
  // A key that is let in is seen twice: as it is offered, and as it signs.
  return seen.filter((offer, index) => !offer.includes(' from ') || offer !== seen[index - 1]);
}

async function offersOfSsh({ sshd, configFile, home, agentSocket }: Setting): Promise<string[]> {
  return seenBy(sshd, async () => {
    const script = 'mount --bind "$1/.ssh" "$2/.ssh" && shift 2 && exec "$@"';
    const mounted = ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', home, userInfo().homedir];
    const environment = [`SSH_AUTH_SOCK=${agentSocket}`, `SSH_ASKPASS=${folder.join('askpass')}`, 'SSH_ASKPASS_REQUIRE=force'];
    const { stderr } = await runAnyway('unshare', [...mounted, 'env', ...environment, 'ssh', '-v', '-F', configFile, 'srv', 'true']);
    const fromAgent = new Set([...stderr.matchAll(/Offering public key: .*(SHA256:\S+)(?: explicit)? agent$/gm)].map(([, fingerprint]) => fingerprint));
    return (fingerprint) => (fromAgent.has(fingerprint) ? 'agent' : 'file');
  });
}

async function offersOfPlane({ sshd, configFile, home, agentSocket }: Setting): Promise<string[]> {
  return seenBy(sshd, async () => {
    const env = { ...process.env, SSH_AUTH_SOCK: agentSocket };
    const { target } = await resolveTarget({ host: 'srv' }, systemSshEnvironment({ configFile, home, env }));
    const logged = plane.log().length;
    const forward = await plane.begin({ connect: fixed({ host: '127.0.0.1', port: 9 }), listen: here({ host: '127.0.0.1', port: 0 }), target });
    await plane.until(() => plane.of('up', forward).length > 0 || plane.of('lost', forward).length > 0);
    await plane.stop(forward);
    const fromAgent = new Set([...plane.log().slice(logged).matchAll(/offering the key .*\(agent\), .*(SHA256:\S+)$/gm)].map(([, fingerprint]) => fingerprint));
    return (fingerprint) => (fromAgent.has(fingerprint) ? 'agent' : 'file');
  });
}

describe.runIf(isRoot)('what is offered, beside the installed ssh', () => {
  beforeAll(async () => { await mkdir(`${userInfo().homedir}/.ssh`, { recursive: true, mode: 0o700 }); });

  it.each(OFFER_CASES)('$name', async (each) => {
    const [ssh, own] = await withSetting(each, async (setting) => [await offersOfSsh(setting), await offersOfPlane(setting)] as const);
    table.push(`  ${own.join() === ssh.join() ? 'same' : 'DIFFERS'}  ${each.name.padEnd(42)} ${ssh.join(', ') || 'nothing'}${own.join() === ssh.join() ? '' : ` | plane: ${own.join(', ')}`}`);
    expect(own).toEqual(ssh);
    expect(ssh).toEqual(each.offers);
  });
});
