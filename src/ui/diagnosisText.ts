import { formatEndpoint, formatHostPort } from '../core/address.ts';
import type { Diagnosis, DiagnosedHop, DiagnosisFact, DiagnosisStep, HostKeyTrust, Rung, RungStatus } from '../core/diagnosis.ts';
import type { Forward } from '../core/forward.ts';
import { isProxy } from '../core/forwardSpec.ts';
import { runsElsewhere } from '../core/forwardState.ts';
import { formatForward } from '../core/forwardText.ts';
import { formatList } from './format.ts';
import { explain } from './messages.ts';
import { titleOf } from './present.ts';

/** A line that begins with a mark, counted from 0. */
export interface MarkedLine {
  readonly line: number;
  readonly status: RungStatus;
}

/** A diagnosis as plain text, to be read in an editor or pasted into a message. */
export interface DiagnosisText {
  readonly text: string;
  readonly marks: readonly MarkedLine[];
  /** The lines of its titles. */
  readonly titles: readonly number[];
  /** The line of what came of it, or of what is being looked at. */
  readonly verdictLine: number;
}

/** Fits an editor beside the sidebar on a small screen, and a fingerprint on one line. */
const WIDTH = 90;
const LABEL_WIDTH = 20;
const TIME_WIDTH = 13;
const INDENT = 2;

/** Beside the mark always stands a word or a time that says the same. */
const MARKS: Readonly<Record<RungStatus, string>> = { waiting: '·', running: '…', passed: '✓', doubtful: '!', failed: '✗', skipped: '·' };

const LABELS: Readonly<Record<DiagnosisStep, string>> = {
  configuration: 'Configuration',
  port: 'Port',
  name: 'Name',
  tcp: 'TCP',
  banner: 'Banner',
  'key-exchange': 'Key exchange',
  'host-key': 'Host key',
  login: 'Login',
  'server-port': 'Port on the server',
  forwarding: 'Forwarding allowed',
  'destination-name': 'Name',
  destination: 'Destination accepts',
  'first-byte': 'First byte',
  health: 'Health check',
};

/** The whole ladder: what came of it, then each rung with its time and what was found. */
export function formatDiagnosis(forward: Forward, diagnosis: Diagnosis): DiagnosisText {
  const lines: string[] = [];
  const marks: MarkedLine[] = [];
  const titles = [0];
  const mark = (status: RungStatus, text: readonly string[]): void => {
    marks.push({ line: lines.length, status });
    lines.push(...text);
  };
  const notation = formatForward(forward.definition.spec);
  lines.push(`Why doesn't it work?  ${titleOf(forward)}`, ...(titleOf(forward) === notation ? [] : [notation]), '');
  const verdictLine = lines.length;
  titles.push(verdictLine);
  const { status, title, sentences: [...sentences] } = verdictOf(forward, diagnosis);
  if (runsElsewhere(forward.state)) sentences.push('Another window of the editor runs this forward; this one looked for itself.');
  mark(status, [`${MARKS[status]} ${title}`, ...sentences.flatMap((sentence) => wrap(sentence, WIDTH - INDENT).map((line) => `${' '.repeat(INDENT)}${line}`))]);
  let heading = '';
  for (const rung of diagnosis.rungs) {
    const next = headingOf(rung, diagnosis);
    if (next !== heading) titles.push(lines.push('', next) - 1);
    heading = next;
    mark(rung.status, formatRung(rung, diagnosis));
  }
  return { text: `${lines.join('\n')}\n`, marks, titles, verdictLine };
}

interface Verdict {
  readonly status: RungStatus;
  readonly title: string;
  readonly sentences: readonly string[];
}

function verdictOf({ state }: Forward, diagnosis: Diagnosis): Verdict {
  const { rungs, outcome, failure, spec } = diagnosis;
  const at = rungs.find(({ status }) => status === (outcome === 'failed' ? 'failed' : 'running'));
  switch (outcome) {
    case 'running':
      return { status: 'running', title: `Looking: ${at === undefined ? 'the end' : nameOf(at, diagnosis)}`, sentences: [] };
    case 'failed':
      return {
        status: 'failed',
        title: at === undefined ? 'It does not work.' : `It stops at: ${nameOf(at, diagnosis)}`,
        sentences: failure === undefined ? [] : [explain(failure).sentence],
      };
    case 'cancelled':
      return { status: 'waiting', title: 'Stopped before the end.', sentences: [] };
    case 'passed':
      break;
  }
  if (rungs.some(({ status }) => status === 'doubtful')) {
    return { status: 'doubtful', title: 'The way is open, but the destination closes it at once.', sentences: ['Its own log may tell why: it may not want to be reached from there, or be in the middle of starting.'] };
  }
  const open = isProxy(spec) ? 'The way is open; where it leads is up to each connection.' : spec.kind === 'udp' ? 'Nothing is in the way here. Whether datagrams are answered, only the program that sends them can tell.' : 'The way is open, from here to the destination.';
  return { status: 'passed', title: open, sentences: state.phase === 'failed' || state.phase === 'stopped' ? ['The forward itself is not running: start it.'] : [] };
}

function nameOf({ step, hop }: Rung, diagnosis: Diagnosis): string {
  const name = hop === undefined ? undefined : hopName(diagnosis, hop);
  return name === undefined ? LABELS[step] : `${LABELS[step]} (${name})`;
}

function hopName({ hops, spec }: Diagnosis, hop: number): string {
  return hops[hop]?.name ?? ('target' in spec ? spec.target.host : '');
}

function headingOf({ step, hop }: Rung, diagnosis: Diagnosis): string {
  if (hop !== undefined) {
    const at = diagnosis.hops[hop];
    return at === undefined ? hopName(diagnosis, hop) : describeHop(at);
  }
  if (step === 'configuration' || step === 'port') return 'This computer';
  const { spec } = diagnosis;
  const server = hopName(diagnosis, diagnosis.hops.length - 1);
  if (step === 'server-port') return `On ${server}`;
  return spec.kind === 'local' || spec.kind === 'dynamic' ? `Through ${server}` : 'From this computer to the destination';
}

/** The name that the user gave, and where that is. */
function describeHop({ name, host, port, user }: DiagnosedHop): string {
  const place = `${user}@${formatHostPort({ host, port })}`;
  return name === host ? place : `${name} (${place})`;
}

function formatRung(rung: Rung, diagnosis: Diagnosis): string[] {
  const head = `${' '.repeat(INDENT)}${MARKS[rung.status]} ${LABELS[rung.step].padEnd(LABEL_WIDTH)}${timeOf(rung, diagnosis).padStart(TIME_WIDTH)}`;
  const indent = head.length + 2;
  const details = detailsOf(rung, diagnosis).flatMap((detail) => wrap(detail, Math.max(WIDTH - indent, 40)));
  const [first = '', ...rest] = details;
  return [`${head}  ${first}`.trimEnd(), ...rest.map((line) => ' '.repeat(indent) + line)];
}

function timeOf({ status, durationMs }: Rung, { outcome }: Diagnosis): string {
  switch (status) {
    case 'waiting':
      return outcome === 'running' ? '' : 'not reached';
    case 'skipped':
      return 'not needed';
    case 'running':
      return 'looking';
    case 'failed':
      return `failed ${formatSpan(durationMs ?? 0)}`;
    case 'passed':
    case 'doubtful':
      return formatSpan(durationMs ?? 0);
  }
}

function formatSpan(spanMs: number): string {
  if (spanMs < 1_000) return `${String(Math.round(spanMs))} ms`;
  return spanMs < 60_000 ? `${(spanMs / 1_000).toFixed(1)} s` : `${String(Math.round(spanMs / 1_000))} s`;
}

/** What was found on a rung, in words; some facts only make sense together. */
function detailsOf({ step, facts, status }: Rung, diagnosis: Diagnosis): string[] {
  if (step === 'login') return describeLogin(facts);
  const details = facts.map((fact) => describeFact(fact, diagnosis));
  // What a host key was judged to be stands where a refusal would.
  return (step === 'host-key' && status === 'failed' ? [...details, 'not trusted'] : details).filter((detail) => detail !== '');
}

function describeHolder({ isRunning, isElsewhere }: Extract<DiagnosisFact, { kind: 'bindable' | 'granted' }>, otherwise: string): string {
  if (!isRunning) return otherwise;
  return isElsewhere === true ? 'this forward listens, in another window of the editor, on' : 'this forward listens on';
}

function describeFact(fact: DiagnosisFact, diagnosis: Diagnosis): string {
  switch (fact.kind) {
    case 'configured':
      return describeWay(fact.hops);
    case 'bindable':
      return `${describeHolder(fact, 'free:')} ${formatList(fact.addresses.map(formatEndpoint))}`;
    case 'port-left':
    case 'server-port-left':
      return 'left to the forward, which is just starting';
    case 'found':
    case 'destination-found':
      return fact.addresses.join(', ');
    case 'connected':
      return describeConnected(fact);
    case 'identified':
      return fact.text;
    case 'negotiated':
      return [fact.keyExchange, fact.cipher, fact.mac, `host key ${fact.hostKey}`].filter((part) => part !== '').join(', ');
    case 'key-shown':
      return `${fact.keyType} ${fact.fingerprint}`;
    case 'key-trusted':
      return describeTrust(fact.trust);
    case 'granted':
      return `${describeHolder(fact, 'granted:')} ${formatEndpoint(fact.address)} of ${hopName(diagnosis, diagnosis.hops.length - 1)}`;
    case 'allowed':
      return fact.probe === undefined ? '' : `tried with ${formatEndpoint(fact.probe)} as seen from ${hopName(diagnosis, diagnosis.hops.length - 1)}`;
    case 'passed-over':
      return `${formatEndpoint(fact.destination)}: ${explain(fact.failure).summary}`;
    case 'accepted':
      return formatEndpoint(fact.destination);
    case 'first-byte':
      return describeFirstByte(fact);
    case 'healthy':
      return `${fact.request}: answered as expected`;
    case 'offered':
    case 'factor':
    case 'logged-in':
      return '';
  }
}

function describeWay(hops: readonly DiagnosedHop[]): string {
  const way = hops.map((hop) => `${describeHop(hop)}${hop.hasProxyCommand ? ', by the ProxyCommand of ssh_config' : ''}`).reverse();
  return way.join(', through ');
}

function describeConnected({ address, via }: Extract<DiagnosisFact, { kind: 'connected' }>): string {
  if (via !== undefined) return `through ${via}`;
  return address ?? 'by the ProxyCommand of ssh_config';
}

function describeTrust(trust: HostKeyTrust | undefined): string {
  if (trust === undefined) return 'trusted';
  const { file, line } = trust;
  const place = file === undefined ? '' : ` ${file}${line === undefined ? '' : `, line ${String(line)}`}`;
  return trust.status === 'known' ? `known${place === '' ? '' : `:${place}`}` : `not known before, trusted now${place === '' ? '' : ` and added to${place}`}`;
}

/** What was offered, in order, and what of it worked; a server that wants several has been given them all. */
function describeLogin(facts: readonly DiagnosisFact[]): string[] {
  const offered: string[] = [];
  const worked: string[] = [];
  let last: string | undefined;
  let isIn = false;
  for (const fact of facts) {
    if (fact.kind === 'offered') {
      last = fact.name;
      if (!offered.includes(fact.name)) offered.push(fact.name);
    }
    if (fact.kind !== 'factor' && fact.kind !== 'logged-in') continue;
    isIn = fact.kind === 'logged-in';
    if (last !== undefined) worked.push(last);
    last = undefined;
  }
  const refused = offered.filter((name) => !worked.includes(name));
  return [
    ...(isIn ? [worked.length === 0 ? 'let in without a question' : `logged in with ${formatList(worked)}`] : worked.map((name) => `${name} accepted, more wanted`)),
    ...(refused.length === 0 ? [] : [`${isIn ? 'offered before' : 'offered'}: ${refused.join('; ')}`]),
  ];
}

function describeFirstByte({ how, text }: Extract<DiagnosisFact, { kind: 'first-byte' }>): string {
  switch (how) {
    case 'speaks':
      return text === '' ? 'speaks first, and no text' : `speaks first: ${text}`;
    case 'waits':
      return 'waits for the client';
    case 'ends':
      return 'closed the connection at once, without a word';
    case 'resets':
      return 'broke the connection off at once, without a word';
  }
}

/** Breaks at spaces, where there are any. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].filter((each) => each !== '');
}
