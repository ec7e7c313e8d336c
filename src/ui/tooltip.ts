import * as vscode from 'vscode';
import { NO_TRAFFIC, type Forward } from '../core/forward.ts';
import { boundOf, downSinceOf, failureOf, whereItRuns, type ForwardState } from '../core/forwardState.ts';
import { isProxy } from '../core/forwardSpec.ts';
import { formatForward } from '../core/forwardText.ts';
import { expectationOf, intervalMsOf, tellRequest, type HealthCheck } from '../core/healthCheck.ts';
import { describeBound, describeReach, describeSpec } from './describeSpec.ts';
import { formatBytes, formatCount, formatDuration, formatRemaining } from './format.ts';
import { explain } from './messages.ts';
import { AGE_STEP_MS, connectionNoun, describeState, titleOf } from './present.ts';

const MINUTE_MS = 60_000;

/** The whole story of a forward in a few lines, with what is to be warned of; every text goes in as text, never as markdown. */
export function tooltipOf(forward: Forward, now: number, warning?: string): vscode.MarkdownString {
  const { definition, state, traffic, stopsAt, isClaimed } = forward;
  const tooltip = new vscode.MarkdownString('', true);
  const line = (text: string): void => {
    appendWords(tooltip, text);
    tooltip.appendMarkdown('  \n');
  };
  tooltip.appendMarkdown('**');
  appendWords(tooltip, titleOf(forward));
  tooltip.appendMarkdown('**  \n');
  line(`${describeSpec(definition.spec)}.`);
  const reach = describeReach(definition.spec);
  if (reach !== '') line(`${reach.charAt(0).toUpperCase()}${reach.slice(1)}.`);
  if (definition.login !== undefined && isProxy(definition.spec)) line(`Login needed: programs log in to it as ${definition.login}.`);
  line(`State: ${describeState(isWell(whereItRuns(state)) ? { ...forward, traffic: NO_TRAFFIC } : forward, now)}${ageOf(state, now)}${proofOf(forward, now)}`);
  if (isClaimed === true) line('It starts here when that window closes.');
  if (definition.healthCheck !== undefined) line(`Health check: ${describeCheck(definition.healthCheck)}.`);
  if (definition.isOnDemand === true) line('On demand: the tunnel opens for the first connection, and closes when idle.');
  if (stopsAt !== undefined) line(`Stops by itself in ${formatRemaining(stopsAt - now)}.`);
  else if (definition.stopAfterMinutes !== undefined) line(`Stops by itself after ${formatRemaining(definition.stopAfterMinutes * MINUTE_MS)} of running.`);
  const bound = boundOf(state);
  if (bound !== undefined) line(`Listening on ${describeBound(definition.spec, bound.addresses)}`);
  if (warning !== undefined) line(`Warning: ${warning}.`);
  if (traffic.totalConnections > 0) {
    line(`${formatCount(traffic.openConnections, `open ${connectionNoun(definition.spec)}`)}, ${String(traffic.totalConnections)} in all, ↑ ${formatBytes(traffic.bytesUp)} ↓ ${formatBytes(traffic.bytesDown)}`);
  }
  const failure = failureOf(state);
  if (failure !== undefined) line(explain(failure).sentence);
  const { source } = definition;
  if (source !== undefined) line(`From ssh_config: ${source.file}, line ${String(source.line)}. It can be changed only there.`);
  line(`Forward Port: ${formatForward(definition.spec)}${definition.autoStart ? '  (starts with the editor)' : ''}`);
  return tooltip;
}

/** In text a line breaks nowhere: the editor writes every space of it as one that holds the words together. So the words go in one by one. */
function appendWords(tooltip: vscode.MarkdownString, text: string): void {
  for (const [index, word] of text.split(/(?<=\S) (?=\S)/).entries()) {
    if (index > 0) tooltip.appendMarkdown(' ');
    tooltip.appendText(word);
  }
}

function ageOf(state: ForwardState, now: number): string {
  const downSince = downSinceOf(state);
  // For how long it has not been up says more than since when it has been at this try.
  if (downSince !== undefined) return now - downSince < AGE_STEP_MS ? `, down for ${formatDuration(now - downSince)}` : '';
  // Behind a failure with its own age, another one would seem to be that.
  if (state.phase === 'idle' && state.complaint !== undefined) return '';
  return 'since' in state ? `, for ${formatDuration(now - state.since)}` : '';
}

/** The last thing proved of one that listens. */
function proofOf({ definition: { spec }, state, provedAt }: Forward, now: number): string {
  if (!isWell(state)) return '';
  if (provedAt !== undefined) return `, proved ${formatDuration(now - provedAt)} ago`;
  // What clients of a proxy asked for and did not reach is no complaint, nor is a datagram without an answer.
  return isProxy(spec) || spec.kind === 'udp' ? ', nothing reached yet' : ', not tried yet';
}

function describeCheck(check: HealthCheck): string {
  const asked = check.kind === 'connect' ? 'connects to the destination' : `${tellRequest(check)}, expecting ${expectationOf(check)}`;
  return `${asked}, every ${formatDuration(intervalMsOf(check))} while it listens`;
}

/** Then the row tells of its connections in place of its state; here they have a line of their own. */
function isWell(state: ForwardState): boolean {
  return state.phase === 'listening' && state.complaint === undefined;
}
