import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server as NetServer, type Socket } from 'node:net';
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Server, type KeyboardAuthContext } from 'ssh2';
import type { SshHop } from '../../src/core/sshTarget.ts';
import type { PlaneServices } from '../../src/plane/services.ts';
import { SshConnection } from '../../src/plane/ssh/connection.ts';
import type { ControlRequests, PlaneEvents, SecretAnswer, SecretQuestion } from '../../src/protocol/messages.ts';
import type { Handlers } from '../../src/protocol/rpc.ts';
import { SocketFiles } from '../../src/system/socketFile.ts';
import { socketHandlers } from '../../src/ui/socketHandlers.ts';
import { generateHostKey } from '../tools/hostKey.mjs';
import { eventually } from '../support/eventually.ts';
import { FakeClockOfRealTurns, type FakeClock } from '../support/fakeClock.ts';
import { identityOf, targetOf } from '../support/planeTargets.ts';
import { createSshKey, type SshKeyFile } from '../support/sshKeys.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

/** Longer than every time limit of a login. */
const LONG_MS = 10 * 60_000;

let folder: TemporaryFolder;
let clock: FakeClock;
let server: Server;
/** What happened, in order: to the server, to the one who asks, to the login. */
let happened: string[];
let cleanUp: (() => void)[];

beforeEach(async () => {
  folder = await createTemporaryFolder('questions');
  clock = new FakeClockOfRealTurns();
  happened = [];
  cleanUp = [];
});

afterEach(async () => {
  for (const undo of cleanUp) undo();
  await new Promise<void>((resolve) => { server.close(() => { resolve(); }); });
  await folder.remove();
});

/** A server that has these questions, or lets a key in. */
async function serve(onQuestions: (context: KeyboardAuthContext) => void, authorized?: SshKeyFile): Promise<void> {
  server = new Server({ hostKeys: [generateHostKey().private] }, (connection) => {
    cleanUp.push(() => { connection.end(); });
    connection.on('error', () => undefined);
    connection.on('close', () => { happened.push('the server sees the end'); });
    connection.on('authentication', (context) => {
      if (context.method === 'keyboard-interactive') onQuestions(context);
      else if (context.method === 'publickey' && context.key.data.toString('base64') === authorized?.publicKey.split(' ')[1]) context.accept();
      else context.reject([authorized === undefined ? 'keyboard-interactive' : 'publickey']);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
}

type Replies = Handlers<ControlRequests>;

interface OpenLogin {
  readonly opening: Promise<SshConnection>;
  readonly questions: SecretQuestion[];
  readonly controller: AbortController;
  log(): string;
}

/** Logs in within this process, so that its time is the test's. */
function logIn(answer: (question: SecretQuestion) => Promise<SecretAnswer>, overrides: Partial<SshHop> = {}): OpenLogin {
  const questions: SecretQuestion[] = [];
  const logged: string[] = [];
  const controller = new AbortController();
  const replies: Replies = {
    ...socketHandlers(new SocketFiles()),
    verifyHostKey: async () => ({ isAccepted: true }),
    needIdentity: async ({ path }) => ({ privateKey: await readFile(path, 'latin1') }),
    needSecret: (question) => {
      questions.push(question);
      return answer(question);
    },
  };
  const services: PlaneServices = {
    clock,
    control: {
      request: (method, params, signal = controller.signal) => replies[method](params, signal),
      emit: (name, payload) => { if (name === 'log') logged.push((payload as PlaneEvents['log']).text); },
    },
  };
  const { port } = server.address() as AddressInfo;
  const hop: SshHop = {
    name: 'server', host: '127.0.0.1', port, user: 'me', hostKeyAlgorithms: [], identitiesOnly: false, identities: [], numberOfPasswordPrompts: 3,
    authenticationMethods: ['publickey', 'keyboard-interactive'], connectTimeoutMs: 10_000, keepaliveIntervalMs: 0, keepaliveCountMax: 3, ...overrides,
  };
  const opening = SshConnection.open(targetOf(hop), services, () => undefined, controller.signal);
  opening.then((connection) => {
    happened.push('logged in');
    cleanUp.push(() => { void connection.close(); });
  }, () => { happened.push('the login ends'); });
  return { opening, questions, controller, log: () => logged.join('\n') };
}

/** A way to the server that can stop to move anything, the end included. */
async function freezableWay(): Promise<{ readonly port: number; freeze(): void }> {
  const pairs: Socket[] = [];
  const way = createServer((near) => {
    const far = connect((server.address() as AddressInfo).port, '127.0.0.1');
    for (const [one, other] of [[near, far], [far, near]] as const) {
      pairs.push(one.on('error', () => undefined));
      one.pipe(other);
    }
  });
  way.listen(0, '127.0.0.1');
  await once(way, 'listening');
  cleanUp.push(() => {
    for (const socket of pairs) socket.destroy();
    way.close();
  });
  return { port: (way.address() as AddressInfo).port, freeze: () => { for (const socket of pairs) socket.unpipe().pause(); } };
}

/** An answer that is given when the test says so. */
function late(): { readonly answered: Promise<SecretAnswer>; answer(...answers: string[]): void; cancel(): void } {
  let resolve: (answer: SecretAnswer) => void = () => undefined;
  const answered = new Promise<SecretAnswer>((settle) => { resolve = settle; });
  return { answered, answer: (...answers) => { resolve({ isCancelled: false, answers }); }, cancel: () => { resolve({ isCancelled: true }); } };
}

describe('the questions of a server', () => {
  it('come in rounds, in its own words, echoed as it says, and one without a prompt asks nobody', async () => {
    const answers: string[][] = [];
    await serve((context) => {
      context.prompt([{ prompt: 'User: ', echo: true }, { prompt: 'Code\u202e:\u0007', echo: false }], 'Two factors', 'Open your\r\napp.', (first) => {
        answers.push(first);
        context.prompt([], 'Wait', 'Nothing to type.', (second) => {
          answers.push(second);
          context.prompt([{ prompt: 'And the next code:', echo: false }], '', '', (third) => {
            answers.push(third);
            context.accept();
          });
        });
      });
    });
    const { opening, questions } = logIn(async ({ prompts }) => ({ isCancelled: false, answers: prompts.map(({ prompt }) => `answer to ${prompt}`) }));
    await opening;
    expect(answers).toEqual([['answer to User:', 'answer to Code :'], [], ['answer to And the next code:']]);
    expect(questions).toMatchObject([
      { attempt: 1, name: 'Two factors', instructions: 'Open your app.', prompts: [{ prompt: 'User:', isEchoed: true }, { prompt: 'Code :', isEchoed: false }] },
      { attempt: 1, name: '', instructions: '', prompts: [{ prompt: 'And the next code:', isEchoed: false }] },
    ]);
  });

  it('may be answered as late as a person likes: no timer runs meanwhile', async () => {
    await serve((context) => { context.prompt([{ prompt: 'Code:', echo: false }], '', '', () => { context.accept(); }); });
    const person = late();
    const { opening, questions } = logIn(() => person.answered);
    await eventually(() => questions.length === 1);
    expect(clock.pending).toBe(0);
    clock.advance(LONG_MS);
    person.answer('123456');
    await opening;
    expect(happened).toEqual(['logged in']);
  });

  it('end with an error when the server says nothing more', async () => {
    let isAnswered = false;
    await serve((context) => { context.prompt([{ prompt: 'Code:', echo: false }], '', '', () => { isAnswered = true; }); });
    const { opening } = logIn(async () => ({ isCancelled: false, answers: ['123456'] }));
    opening.catch(() => undefined);
    await eventually(() => isAnswered);
    clock.advance(LONG_MS);
    await expect(opening).rejects.toMatchObject({ code: 'connect-timeout' });
  });

  it('end at once when the person declines: nothing waits for a timer', async () => {
    await serve((context) => { context.prompt([{ prompt: 'Code:', echo: false }], '', '', () => { happened.push('the server has an answer'); }); });
    const person = late();
    const { opening, questions } = logIn(() => person.answered);
    opening.catch(() => undefined);
    await eventually(() => questions.length === 1);
    person.cancel();
    // The clock stands still, so whatever takes time would never end.
    await expect(opening).rejects.toMatchObject({ code: 'auth-cancelled' });
    await eventually(() => happened.length === 2);
    expect([...happened].sort()).toEqual(['the login ends', 'the server sees the end']);
  });

  it('end within 200 ms when the start is given up, even where the server is frozen', async () => {
    await serve((context) => { context.prompt([{ prompt: 'Code:', echo: false }], '', '', () => { happened.push('the server has an answer'); }); });
    const way = await freezableWay();
    const { opening, questions, controller } = logIn(() => late().answered, { port: way.port });
    opening.catch(() => undefined);
    await eventually(() => questions.length === 1);
    way.freeze();
    controller.abort(new Error('given up'));
    await eventually(() => clock.pending === 1);
    clock.advance(200);
    await eventually(() => happened.length > 0);
    expect(happened).toEqual(['the login ends']);
  });
});

describe('an agent', () => {
  let key: SshKeyFile;
  let agent: NetServer | undefined;

  beforeEach(async () => { key = await createSshKey(folder.join('id')); });
  afterEach(() => { agent?.close(); });

  async function agentThat(behaves: (answer: (bytes: Buffer) => void, hangUp: () => void) => void): Promise<string> {
    const path = folder.join('agent');
    agent = createServer((socket) => {
      happened.push('the agent is asked');
      cleanUp.push(() => { socket.destroy(); });
      socket.on('error', () => undefined).once('data', () => { behaves((bytes) => { socket.write(bytes); }, () => { socket.destroy(); }); });
    });
    agent.listen(path);
    await once(agent, 'listening');
    return path;
  }

  const nobody = (): Promise<SecretAnswer> => Promise.resolve({ isCancelled: true });

  it('that hangs costs 5 s, and then the key file lets in', async () => {
    await serve(() => undefined, key);
    const identityAgent = await agentThat(() => undefined);
    const { opening, log } = logIn(nobody, { identityAgent, identities: [identityOf(key)] });
    await eventually(() => happened.includes('the agent is asked'));
    clock.advance(4_999);
    expect(happened).toEqual(['the agent is asked']);
    clock.advance(1);
    await opening;
    expect(log()).toContain('no answer within 5 s');
  });

  it.each([
    ['dies', (_: unknown, hangUp: () => void) => { hangUp(); }, 'it closed the connection'],
    ['refuses', (answer: (bytes: Buffer) => void) => { answer(Buffer.of(0, 0, 0, 1, 5)); }, 'the agent refused'],
    ['talks for ever', (answer: (bytes: Buffer) => void) => { answer(Buffer.of(0x7f, 0xff, 0xff, 0xff, 12)); }, 'its answer is too long'],
    ['lies about its keys', (answer: (bytes: Buffer) => void) => { answer(Buffer.of(0, 0, 0, 9, 12, 0, 0, 0, 1, 0, 0, 1, 0)); }, 'a field is longer than its message'],
  ] as const)('that %s costs nothing, and the key file lets in', async (_, behaves, reason) => {
    await serve(() => undefined, key);
    const identityAgent = await agentThat(behaves);
    const { opening, log } = logIn(nobody, { identityAgent, identities: [identityOf(key)] });
    await opening;
    expect(log()).toContain(reason);
  });

  it('that dies when it is to sign costs nothing, and the failure names the key and why', async () => {
    await serve(() => undefined, key);
    const blob = Buffer.from(key.publicKey.split(' ')[1] ?? '', 'base64');
    const identityAgent = await agentThat((answer, hangUp) => {
      const isToSign = happened.filter((each) => each === 'the agent is asked').length > 1;
      if (isToSign) hangUp();
      else answer(identities([blob, 'my key']));
    });
    const { opening } = logIn(nobody, { identityAgent });
    await expect(opening).rejects.toMatchObject({ code: 'auth-failed', context: { unusable: [expect.stringMatching(/^my key \(agent\): .*it closed the connection/)] } });
  });

  it('that has only keys which cannot be used: the failure names them and why', async () => {
    await serve(() => undefined, key);
    const identityAgent = await agentThat((answer) => {
      answer(identities([blobOf('sk-ssh-ed25519@openssh.com'), 'my token'], [blobOf('ssh-ed25519-cert-v01@openssh.com'), 'my certificate']));
    });
    const { opening, log } = logIn(nobody, { identityAgent, unusableIdentities: ['/home/me/.ssh/id_sk: it lives on a FIDO security key, which is not supported'] });
    const unusable = [
      '/home/me/.ssh/id_sk: it lives on a FIDO security key, which is not supported',
      'my token (agent): it lives on a FIDO security key, which is not supported',
      'my certificate (agent): it is a certificate, which is not supported',
    ];
    await expect(opening).rejects.toMatchObject({ code: 'auth-failed', context: { tried: [], unusable } });
    expect(log()).toContain('the key my token (agent) cannot be used');
    expect(log()).toContain('the key my certificate (agent) cannot be used');
  });
});

/** A key blob (RFC 4253 section 6.6) of this type, and of nobody. */
function blobOf(type: string): Buffer {
  return Buffer.concat([shortString(type), shortString('x'.repeat(32))]);
}

/** An agent's answer with these keys (draft-ietf-sshm-ssh-agent, section 3.3). */
function identities(...keys: readonly (readonly [blob: Buffer, comment: string])[]): Buffer {
  const list = keys.map(([blob, comment]) => Buffer.concat([shortString(blob), shortString(comment)]));
  return shortString(Buffer.concat([Buffer.of(12, 0, 0, 0, keys.length), ...list]));
}

/** A string of RFC 4251 section 5, of fewer than 256 bytes. */
function shortString(bytes: Buffer | string): Buffer {
  const content = Buffer.from(bytes);
  return Buffer.concat([Buffer.of(0, 0, 0, content.length), content]);
}
