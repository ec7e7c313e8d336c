import type { AnyAuthMethod, AuthHandlerMiddleware, KeyboardInteractiveAuthMethod } from 'ssh2';
import { ForwardError, toFailure, untrustedText } from '../../core/failure.ts';
import type { AuthenticationMethod } from '../../core/sshTarget.ts';
import type { LoginSession } from './loginSession.ts';
import { KeyOffers } from './publicKeys.ts';
import type { SingleKeyAgent } from './singleKeyAgent.ts';
import { hopFailure } from './sshFailure.ts';

/** What a server says after a failed attempt (RFC 4252 section 5.1). */
interface Refusal {
  /** The methods that may go on, in the server's order. */
  readonly methods: readonly string[];
  /** The attempt succeeded and more is wanted. */
  readonly isPartial: boolean;
}

interface Attempt {
  /** What was offered, for people. */
  readonly name: string;
  readonly method: AnyAuthMethod;
  readonly agent?: SingleKeyAgent;
}

type Attempts = AsyncGenerator<Attempt, void, undefined>;

/** Factors of one login at most, so that a server cannot ask for ever. */
const FACTORS_MAX = 8;

/** Prompts of one keyboard-interactive round that are shown at most; no honest server has more. */
const PROMPTS_MAX = 32;

/** Methods of a server that a failure names at most. */
const METHODS_MAX = 20;

/**
 * ssh2's authHandler for one login: 'none' to learn the methods, then the methods in the hop's order as far as the
 * server offers them. Ends the session with `auth-failed` or `auth-cancelled`.
 */
export function authHandler(session: LoginSession): AuthHandlerMiddleware {
  const login = new Login(session);
  const steps = login.steps();
  return (methods: readonly string[] | null, partialSuccess: boolean | null, next) => {
    const advance = async (): Promise<void> => {
      const step = await steps.next({ methods: methods ?? [], isPartial: partialSuccess === true });
      if (session.signal.aborted) return;
      if (step.done === true) session.fail(login.failure());
      else next(step.value);
    };
    advance().catch((error: unknown) => {
      session.fail(error instanceof ForwardError ? error : hopFailure(session.hop, 'internal', toFailure(error).detail, { cause: error }));
    });
  };
}

class Login {
  readonly #session: LoginSession;
  readonly #keys: KeyOffers;
  readonly #tried: string[] = [];
  #methods: readonly string[] = [];

  constructor(session: LoginSession) {
    this.#session = session;
    this.#keys = new KeyOffers(session);
  }

  /** Why nothing worked. */
  failure(): ForwardError {
    // The log's one line is to tell of an agent that hung, too.
    const detail = untrustedText([`permission denied (${this.#methods.join(', ')})`, ...this.#keys.unusable].join('; '));
    const methods = this.#methods.slice(0, METHODS_MAX).map((name) => untrustedText(name));
    return hopFailure(this.#session.hop, 'auth-failed', detail, { context: { methods, tried: this.#tried, unusable: this.#keys.unusable } });
  }

  /** Yields what to try, and is resumed with the server's refusal. */
  async *steps(): AsyncGenerator<AnyAuthMethod, void, Refusal> {
    this.#methods = (yield this.#none()).methods;
    let partialSuccesses = 0;
    const keys = this.#publicKeys();
    let answers = this.#answers();
    const exhausted = new Set<AuthenticationMethod>();
    for (let method = this.#next(exhausted); method !== undefined; method = this.#next(exhausted)) {
      const attempt = await (method === 'publickey' ? keys : answers[method]).next();
      if (attempt.done === true) {
        exhausted.add(method);
        continue;
      }
      this.#note(attempt.value.name);
      this.#session.trace({ kind: 'offered', name: attempt.value.name });
      const refusal = yield* this.#submit(attempt.value);
      this.#methods = refusal.methods;
      if (!refusal.isPartial) continue;
      this.#session.trace({ kind: 'factor' });
      partialSuccesses += 1;
      if (partialSuccesses > FACTORS_MAX) return;
      // The next factor: a password refused for the factor before says nothing about it.
      answers = this.#answers();
      exhausted.delete('keyboard-interactive');
      exhausted.delete('password');
    }
  }

  /** Makes one attempt; answers with what the server says to it. */
  async *#submit({ method, agent }: Attempt): AsyncGenerator<AnyAuthMethod, Refusal, Refusal> {
    const refusal = yield method;
    this.#session.passwords.answered(refusal.isPartial ? 'accepted' : 'refused');
    if (agent === undefined) return refusal;
    if (!agent.hasSigned) return { methods: this.#methods, isPartial: false };
    // ssh2 keeps to itself what a server answers to an agent's signature, so another 'none' asks what is left.
    const { methods } = yield this.#none();
    return { methods, isPartial: methods.join() !== this.#methods.join() };
  }

  #none(): AnyAuthMethod {
    return { type: 'none', username: this.#session.hop.user };
  }

  #next(exhausted: ReadonlySet<AuthenticationMethod>): AuthenticationMethod | undefined {
    return this.#session.hop.authenticationMethods.find((method) => this.#methods.includes(method) && !exhausted.has(method));
  }

  #note(name: string): void {
    if (!this.#tried.includes(name)) this.#tried.push(name);
  }

  async *#publicKeys(): Attempts {
    for await (const { name, agent } of this.#keys.inOrder()) {
      yield { name: `publickey ${name}`, method: { type: 'agent', username: this.#session.hop.user, agent }, agent };
    }
  }

  #answers(): Readonly<Record<Exclude<AuthenticationMethod, 'publickey'>, Attempts>> {
    return { 'keyboard-interactive': this.#keyboardInteractive(), password: this.#passwords() };
  }

  async *#passwords(): Attempts {
    const { user, host, numberOfPasswordPrompts } = this.#session.hop;
    for (let attempt = 1; attempt <= numberOfPasswordPrompts; attempt += 1) {
      const prompts = [{ prompt: `${user}@${host}'s password: `, isEchoed: false }];
      this.#session.passwords.begin();
      const [password = ''] = await this.#session.askSecret({ kind: 'password', attempt, prompts });
      yield { name: 'password', method: { type: 'password', username: user, password } };
    }
  }

  /** A server that asks nothing is not tried again: the answer would be the same (userauth_kbdint of OpenSSH's sshconnect2.c). */
  async *#keyboardInteractive(): Attempts {
    const { user, numberOfPasswordPrompts } = this.#session.hop;
    const server = { hasAsked: false };
    for (let attempt = 1; attempt <= numberOfPasswordPrompts && (attempt === 1 || server.hasAsked); attempt += 1) {
      const answer = this.#prompt(attempt);
      const prompt: typeof answer = (...question) => {
        server.hasAsked = true;
        answer(...question);
      };
      yield { name: 'keyboard-interactive', method: { type: 'keyboard-interactive', username: user, prompt } };
    }
  }

  /** Answers one round of the server's questions; there may be several in one attempt (RFC 4256 section 3). */
  #prompt(attempt: number): KeyboardInteractiveAuthMethod['prompt'] {
    return (name, instructions, _language, prompts, finish) => {
      if (prompts.length > PROMPTS_MAX) {
        this.#session.fail(hopFailure(this.#session.hop, 'auth-failed', `the server asks ${prompts.length} questions at once`));
        return;
      }
      const question = {
        kind: 'keyboard-interactive',
        attempt,
        name: untrustedText(name),
        instructions: untrustedText(instructions),
        prompts: prompts.map(({ prompt, echo }) => ({ prompt: untrustedText(prompt), isEchoed: echo === true })),
      } as const;
      this.#session.askSecret(question).then(
        (answers) => { if (!this.#session.signal.aborted) finish(prompts.map((_prompt, index) => answers[index] ?? '')); },
        (error: unknown) => this.#session.fail(error instanceof ForwardError ? error : hopFailure(this.#session.hop, 'internal', toFailure(error).detail)),
      );
    };
  }
}
