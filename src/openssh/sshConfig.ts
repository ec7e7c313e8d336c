import { ForwardError, toFailure } from '../core/failure.ts';
import { lookUpKeyword, type Keyword } from './configKeywords.ts';
import { parseConfigLine, type ConfigLine } from './configLine.ts';
import { withDefaults } from './configDefaults.ts';
import { readValues } from './configValues.ts';
import { FORWARD_KEYWORDS, type ConfiguredForwardKind } from './forwardLine.ts';
import { canonicalHost } from './hostPort.ts';
import { evaluateMatch } from './matchLine.ts';
import { matchPattern, matchPatternList } from './patterns.ts';
import type { ResolvedConfig } from './resolvedConfig.ts';
import { expandTokens } from './tokens.ts';

/** A file of ssh_config with what its Include lines lead to, read before anything is decided. */
export interface ConfigFile {
  readonly path: string;
  readonly text: string;
  /** The files of each Include line, by line number from 1. */
  readonly includes: ReadonlyMap<number, readonly ConfigFile[]>;
}

export interface ConfigSubject {
  readonly host: string;
  readonly user?: string;
  readonly port?: number;
  readonly localUser: string;
  /** Passes over what only ssh can answer, and over mistakes: for lists, where an estimate is better than nothing. */
  readonly isLenient?: boolean;
}

export interface Place {
  readonly file: string;
  readonly line: number;
}

/**
 * What the files say for one host, in the shape of `ssh -G`. Pure; runs nothing. What it does not understand is a
 * `config-unsupported`, what ssh would refuse a `config-invalid`, both with file and line.
 */
export function evaluateConfig(files: readonly ConfigFile[], subject: ConfigSubject): ResolvedConfig {
  return withDefaults(collectValues(files, subject), subject);
}

/** The values that the files set themselves, as they stand there, without defaults. */
export function explicitOptions(files: readonly ConfigFile[], subject: ConfigSubject): ReadonlyMap<string, readonly string[]> {
  return collectValues(files, subject);
}

/** A line of ssh_config that describes a forward, as it stands there. */
export interface FoundForward {
  readonly kind: ConfiguredForwardKind;
  /** The arguments of the keyword. */
  readonly parts: readonly string[];
  readonly place: Place;
}

export interface FoundForwards {
  /** In the order in which ssh makes them; duplicates included. */
  readonly forwards: readonly FoundForward[];
  readonly hostKeyAlias: string | undefined;
}

/** The forwards that the files describe for one host; none where ClearAllForwardings is set. */
export function evaluateForwards(files: readonly ConfigFile[], subject: ConfigSubject): FoundForwards {
  const { values, forwards } = evaluate(files, subject);
  const isCleared = ['yes', 'true'].includes(values.get('clearallforwardings')?.[0] ?? 'no');
  return { forwards: isCleared ? [] : forwards, hostKeyAlias: values.get('hostkeyalias')?.[0]?.toLowerCase() };
}

function collectValues(files: readonly ConfigFile[], subject: ConfigSubject): Map<string, string[]> {
  return evaluate(files, subject).values;
}

function evaluate(files: readonly ConfigFile[], subject: ConfigSubject): Evaluation {
  const evaluation = new Evaluation(subject);
  for (const file of files) evaluation.readFile(file, { isActive: true, isNeverActive: false });
  evaluation.finishPass();
  // `Match final` asks for a second reading of everything, with the host name that the first one found.
  if (evaluation.wantsFinalPass) for (const file of files) evaluation.readFile(file, { isActive: true, isNeverActive: false });
  evaluation.assertSupported();
  return evaluation;
}

interface Block {
  isActive: boolean;
  /** Inside an Include of a block that does not apply: read for mistakes, never applied. */
  readonly isNeverActive: boolean;
}

class Evaluation {
  readonly values = new Map<string, string[]>();
  readonly forwards: FoundForward[] = [];
  readonly #places = new Map<string, Place>();
  readonly #subject: ConfigSubject;
  wantsFinalPass = false;
  #isFinalPass = false;

  constructor(subject: ConfigSubject) {
    this.#subject = subject;
    if (subject.user !== undefined) this.values.set('user', [subject.user]);
    if (subject.port !== undefined) this.values.set('port', [String(subject.port)]);
  }

  readFile(file: ConfigFile, block: Block): void {
    file.text.split('\n').forEach((text, index) => {
      const place = { file: file.path, line: index + 1 };
      try {
        this.#readLine(text, file, block, place);
      } catch (error) {
        if (this.#subject.isLenient !== true) throw error;
      }
    });
  }

  /** Takes the host name of the first pass into use, as main() of OpenSSH's ssh.c does before it reads again. */
  finishPass(): void {
    const hostName = canonicalHost(this.#currentHost());
    this.values.set('hostname', [hostName]);
    this.#isFinalPass = true;
  }

  assertSupported(): void {
    const canonicalize = this.values.get('canonicalizehostname')?.[0];
    if (canonicalize === undefined || canonicalize === 'no' || canonicalize === 'false' || this.#subject.isLenient === true) return;
    throw unsupported('CanonicalizeHostname needs the ssh program', this.#places.get('canonicalizehostname') ?? { file: '', line: 0 });
  }

  #readLine(text: string, file: ConfigFile, block: Block, place: Place): void {
    const result = parseConfigLine(text);
    if (result.kind === 'empty') return;
    if (result.kind === 'broken') throw invalid(result.reason, place);
    const { line } = result;
    const keyword = lookUpKeyword(line.keyword);
    if (keyword === undefined) {
      if (!this.#isIgnored(line.keyword)) throw unsupported(`the option ${line.keyword} is not known`, place);
    } else if (keyword.kind === 'block') {
      this.#readBlock(keyword.name, line, file, block, place);
    } else {
      this.#readOption(keyword, line, block, place);
    }
  }

  #readBlock(name: string, line: ConfigLine, file: ConfigFile, block: Block, place: Place): void {
    if (name === 'include') {
      const isNeverActive = block.isNeverActive || !block.isActive;
      // A Host or Match in an included file ends with that file.
      for (const included of file.includes.get(place.line) ?? []) this.readFile(included, { isActive: block.isActive, isNeverActive });
    } else if (name === 'host') {
      if (line.parts.includes('')) throw invalid('Host has an empty argument', place);
      block.isActive = !block.isNeverActive && matchesHostLine(this.#subject.host, line.parts);
    } else {
      block.isActive = false;
      block.isActive = !block.isNeverActive && this.#matches(line, place);
    }
  }

  #matches(line: ConfigLine, place: Place): boolean {
    const verdict = evaluateMatch(line.rest, {
      host: this.#currentHost(),
      originalHost: this.#subject.host,
      user: this.values.get('user')?.[0] ?? this.#subject.localUser,
      localUser: this.#subject.localUser,
      isFinalPass: this.#isFinalPass,
    });
    if (verdict.wantsFinalPass) this.wantsFinalPass = true;
    if (verdict.kind === 'broken') throw invalid(verdict.reason, place);
    if (verdict.kind === 'unsupported') throw unsupported(verdict.reason, place);
    return verdict.isMatched;
  }

  #readOption(keyword: Keyword, line: ConfigLine, block: Block, place: Place): void {
    const result = readValues(keyword, line);
    if ('reason' in result) throw invalid(`${line.keyword}: ${result.reason}`, place);
    if (!block.isActive || keyword.kind === 'ignored') return;
    const forwardKind = FORWARD_KEYWORDS[keyword.name];
    if (forwardKind !== undefined) {
      this.forwards.push({ kind: forwardKind, parts: line.parts, place });
      return;
    }
    if (keyword.kind === 'every') this.#add(keyword.name, result.values);
    else if (keyword.kind === 'jump') this.#setJump(result.values, place);
    else this.#set(keyword.name, result.values, place);
  }

  /** The first value wins. */
  #set(name: string, values: readonly string[], place: Place): void {
    if (this.values.has(name)) return;
    this.values.set(name, [...values]);
    this.#places.set(name, place);
  }

  #add(name: string, values: readonly string[]): void {
    const kept = this.values.get(name) ?? [];
    this.values.set(name, [...kept, ...values.filter((value) => !kept.includes(value))]);
  }

  /** ProxyJump and ProxyCommand compete: the one that comes first wins (ssh_config(5), ProxyJump). */
  #setJump(values: readonly string[], place: Place): void {
    const isNone = values[0] === 'none';
    if (this.values.has('proxyjump') || (!isNone && this.values.has('proxycommand'))) return;
    this.#set('proxyjump', values, place);
  }

  #currentHost(): string {
    const hostName = this.values.get('hostname')?.[0];
    if (hostName === undefined) return this.#subject.host;
    return this.#isFinalPass ? hostName : this.#expandHostName(hostName);
  }

  #expandHostName(hostName: string): string {
    try {
      return expandTokens('HostName', hostName, { h: this.#subject.host });
    } catch (error) {
      if (this.#subject.isLenient === true) return this.#subject.host;
      throw invalid(toFailure(error).detail.replace(/\.$/, ''), this.#places.get('hostname') ?? { file: '', line: 0 });
    }
  }

  #isIgnored(keyword: string): boolean {
    const patterns = this.values.get('ignoreunknown')?.[0];
    return patterns !== undefined && matchPatternList(keyword, patterns.toLowerCase());
  }
}

/** ssh_config(5), Host: one pattern must match and no negated one may. */
export function matchesHostLine(host: string, patterns: readonly string[]): boolean {
  const isNegated = (pattern: string): boolean => pattern.startsWith('!');
  if (patterns.some((pattern) => isNegated(pattern) && matchPattern(host, pattern.slice(1)))) return false;
  return patterns.some((pattern) => !isNegated(pattern) && matchPattern(host, pattern));
}

function invalid(reason: string, place: Place): ForwardError {
  return new ForwardError('config-invalid', `${place.file} line ${place.line}: ${reason}.`, { context: { ...place, reason } });
}

function unsupported(reason: string, place: Place): ForwardError {
  const detail = `${place.file} line ${place.line}: ${reason}. No ssh program was found that could answer instead.`;
  return new ForwardError('config-unsupported', detail, { context: { ...place, reason } });
}
