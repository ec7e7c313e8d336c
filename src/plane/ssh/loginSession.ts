import type { HopFact } from '../../core/diagnosis.ts';
import type { ForwardError } from '../../core/failure.ts';
import type { Clock } from '../../core/ports.ts';
import type { SshHop } from '../../core/sshTarget.ts';
import type { ControlRequests, LogLevel, PlaneEvents, SecretQuestion } from '../../protocol/messages.ts';
import { hopFailure } from './sshFailure.ts';

/** What a login needs of the SSH connection it belongs to. */
export interface LoginSession {
  readonly hop: SshHop;
  readonly clock: Clock;
  /** Watches over the passwords of this login. */
  readonly passwords: PasswordWatch;
  /** Aborts when the SSH connection is over. */
  readonly signal: AbortSignal;
  /** Runs what may take a person's time; the connection's own timers stand still meanwhile. */
  whileAsking<T>(ask: () => Promise<T>): Promise<T>;
  /** Asks the control side, with the timers standing still. */
  ask<K extends keyof ControlRequests>(method: K, params: ControlRequests[K]['params']): Promise<ControlRequests[K]['result']>;
  /** Asks a person; rejects with `auth-cancelled` when they decline. */
  askSecret(question: Omit<SecretQuestion, 'hop' | 'user' | 'host' | 'port'>): Promise<readonly string[]>;
  log(level: LogLevel, text: string): void;
  /** Tells whoever wants to know how far it has come. */
  trace(fact: HopFact): void;
  /** Ends the SSH connection with this failure. */
  fail(error: ForwardError): void;
}

/** The answers to a question about a hop; rejects with `auth-cancelled` when the person declined. */
export async function answersOf(
  hop: SshHop,
  question: Omit<SecretQuestion, 'hop' | 'user' | 'host' | 'port'>,
  ask: (question: SecretQuestion) => Promise<ControlRequests['needSecret']['result']>,
): Promise<readonly string[]> {
  const answer = await ask({ ...question, hop: hop.name, user: hop.user, host: hop.host, port: hop.port });
  if (answer.isCancelled) throw hopFailure(hop, 'auth-cancelled', 'the login was cancelled');
  return answer.answers;
}

type Outcome = PlaneEvents['passwordAnswered']['outcome'];

/** Tells once for each password that was asked for what came of it, so that one that was refused is not sent again by itself. */
export class PasswordWatch {
  readonly #tell: (outcome: Outcome) => void;
  #isUnanswered = false;

  constructor(tell: (outcome: Outcome) => void) {
    this.#tell = tell;
  }

  /** Before a password is asked for: whatever happens from then on, an outcome is told. */
  begin(): void {
    this.#isUnanswered = true;
  }

  /** Does nothing while no password is under way. */
  answered(outcome: Outcome): void {
    if (!this.#isUnanswered) return;
    this.#isUnanswered = false;
    this.#tell(outcome);
  }
}
