import type { HostKeyTrust } from '../core/diagnosis.ts';
import { ForwardError, toFailure, type FailureCode, type FailureContext } from '../core/failure.ts';
import { appendHostKey } from '../openssh/hostKeyAppend.ts';
import { checkHostKey, type HostKeyVerdict } from '../openssh/hostKeyCheck.ts';
import { updateHostKeys } from '../openssh/hostKeyUpdate.ts';
import type { HostKeyPolicies } from '../openssh/hostKeyPolicy.ts';
import type { HostKeyAnnouncement, HostKeyAnswer, HostKeyQuestion } from '../protocol/messages.ts';
import type { Log } from './log.ts';
import type { PromptQueue } from './promptQueue.ts';

/** Asks the user whether an unknown key is to be trusted; false for no and for no answer. */
export type AskTrust = (question: HostKeyQuestion, verdict: HostKeyVerdict, signal: AbortSignal) => Promise<boolean>;

/** Decides about host keys: known_hosts first, then StrictHostKeyChecking, then the user. Nothing accepts a changed key. */
export class HostKeyQuestions {
  readonly #policies: HostKeyPolicies;
  readonly #queue: PromptQueue;
  readonly #ask: AskTrust;
  readonly #log: Log;

  constructor(policies: HostKeyPolicies, queue: PromptQueue, ask: AskTrust, log: Log) {
    this.#policies = policies;
    this.#queue = queue;
    this.#ask = ask;
    this.#log = log;
  }

  /** Never rejects for a reason of trust: the refusal is in the answer. */
  async answer(question: HostKeyQuestion, signal: AbortSignal): Promise<HostKeyAnswer> {
    try {
      return await this.#decide(question, signal);
    } catch (error) {
      const { code, detail, context } = toFailure(error);
      return { isAccepted: false, failure: { code, detail, context: { ...placeOf(question), ...context } } };
    }
  }

  /** Writes down what UpdateHostKeys allows. Never rejects. */
  async learn(announcement: HostKeyAnnouncement): Promise<void> {
    try {
      for (const line of await updateHostKeys(announcement, this.#policies.find(announcement))) this.#log.write('info', line);
    } catch (error) {
      this.#log.write('warn', `Further host keys could not be kept: ${toFailure(error).detail}`);
    }
  }

  async #decide(question: HostKeyQuestion, signal: AbortSignal): Promise<HostKeyAnswer> {
    const verdict = await this.#check(question);
    this.#tellAuthorities(verdict);
    this.#log.write('info', `Host key of ${question.host}:${String(question.port)}: ${verdict.keyType} ${verdict.fingerprint} is ${verdict.status}.`);
    if (verdict.warning !== undefined) this.#log.write('warn', `Host key of ${question.host}:${String(question.port)}: ${verdict.warning}.`);
    const settled = decideByFile(question, verdict);
    if (settled?.isAccepted === true) await this.#remember(question, verdict);
    if (settled !== undefined) return settled;
    if (verdict.strictness === 'yes') return refuse('host-key-unknown', question, verdict);
    if (verdict.strictness !== 'ask') return this.#accept(question);
    return await this.#queue.run(() => this.#decideByUser(question, signal), signal) ?? refuse('host-key-rejected', question, verdict);
  }

  /** While the question waited its turn, the answer to an earlier one may have made this key known, or a changed one. */
  async #decideByUser(question: HostKeyQuestion, signal: AbortSignal): Promise<HostKeyAnswer> {
    const verdict = await this.#check(question);
    const settled = decideByFile(question, verdict);
    if (settled !== undefined) return settled;
    return await this.#ask(question, verdict, signal) ? this.#accept(question) : refuse('host-key-rejected', question, verdict);
  }

  /** Takes a key that is still unknown, and writes it down. */
  async #accept(question: HostKeyQuestion): Promise<HostKeyAnswer> {
    const verdict = await this.#check(question);
    const settled = decideByFile(question, verdict);
    if (settled !== undefined) return settled;
    const isKept = await this.#remember(question, verdict);
    const { appendTo: file } = verdict;
    return { isAccepted: true, trust: { status: 'unknown', ...(isKept && file !== undefined ? { file } : {}) } };
  }

  #tellAuthorities({ name, authorities }: HostKeyVerdict): void {
    for (const { file, line } of authorities) {
      this.#log.write('info', `${file}, line ${String(line)}: the certificate authority for ${name} is not used, since host certificates are not supported; its key is judged by itself.`);
    }
  }

  #check(question: HostKeyQuestion): Promise<HostKeyVerdict> {
    return checkHostKey(question, this.#policies.find(question));
  }

  /** Writes down what is new, the key of an unknown host, a new address, and says whether it could. The key is trusted for this connection even where it cannot be written down; ssh does the same, with a warning. */
  async #remember(question: HostKeyQuestion, verdict: HostKeyVerdict): Promise<boolean> {
    const { appendTo, isHashed, keyType } = verdict;
    if (appendTo === undefined) return false;
    const names = [...(verdict.status === 'unknown' ? [verdict.name] : []), ...(verdict.newAddress === undefined ? [] : [verdict.newAddress])];
    try {
      for (const name of names) {
        await appendHostKey(appendTo, { name, key: question.key, isHashed });
        this.#log.write('info', `Added ${name} (${keyType}) to ${appendTo}.`);
      }
      return true;
    } catch (error) {
      if (!(error instanceof ForwardError)) throw error;
      this.#log.write('warn', `The host key of ${verdict.name} will be asked for again: ${error.message}`);
      return false;
    }
  }
}

/** What known_hosts alone decides; undefined for a key that it does not know. */
function decideByFile(question: HostKeyQuestion, verdict: HostKeyVerdict): HostKeyAnswer | undefined {
  switch (verdict.status) {
    case 'known':
      return { isAccepted: true, trust: trustOf(verdict) };
    case 'mismatch':
      return refuse('host-key-mismatch', question, verdict);
    case 'revoked':
      return refuse('host-key-revoked', question, verdict);
    case 'unknown':
      return undefined;
  }
}

function trustOf({ file, line }: HostKeyVerdict): HostKeyTrust {
  return { status: 'known', ...(file === undefined ? {} : { file }), ...(line === undefined ? {} : { line }) };
}

function refuse(code: FailureCode, question: HostKeyQuestion, verdict: HostKeyVerdict): HostKeyAnswer {
  const { file, line, others } = verdict;
  // For a changed key, the one on the line that is shown.
  const known = others.find((other) => other.file === file && other.line === line) ?? others[0];
  const context: FailureContext = {
    ...placeOf(question), keyType: verdict.keyType, fingerprint: verdict.fingerprint,
    ...(file === undefined ? {} : { file }), ...(line === undefined ? {} : { line }),
    ...(known === undefined ? {} : { expected: `${known.keyType} ${known.fingerprint}` }),
    ...(code === 'host-key-mismatch' && file !== undefined ? { keygen: `ssh-keygen -f ${quote(file)} -R ${quote(verdict.name)}` } : {}),
  };
  return { isAccepted: false, failure: { code, detail: `host key ${verdict.keyType} ${verdict.fingerprint} of ${verdict.name}: ${verdict.status}`, context } };
}

function quote(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

function placeOf({ hop, host, port }: HostKeyQuestion): FailureContext {
  return { hop, host, port };
}
