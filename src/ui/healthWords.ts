import { formatDuration } from './format.ts';
import type { Facts } from './failureFacts.ts';

/** In words, what is wrong with a destination that takes connections and fails its health check. */
export function describeUnhealthy(facts: Facts): { readonly summary: string; readonly sentence: string } {
  const asked = `${facts.destination()} takes connections, but `;
  const request = facts.text('request', 'the health check');
  const status = facts.number('status');
  if (status !== undefined) {
    return {
      summary: `destination answers ${String(status)}`,
      sentence: `${asked}answered ${request} with HTTP status ${String(status)}, where the health check expects ${facts.text('expected', 'another one')}. Look at the program there, or change the check.`,
    };
  }
  if (facts.has('said')) {
    const said = facts.text('said', '');
    return {
      summary: 'destination does not speak HTTP',
      sentence: `${asked}did not answer ${request} in HTTP${said === '' ? '' : `: it said "${said}"`}. The health check speaks plain HTTP; for anything else, HTTPS too, let it only connect.`,
    };
  }
  if (facts.text('reason', '') === 'late') {
    return {
      summary: 'destination does not answer',
      sentence: `${asked}did not answer ${request} within ${formatDuration(facts.number('timeoutMs') ?? 0)}. It is busy or hangs, or waits for something else than HTTP.`,
    };
  }
  return { summary: 'destination hangs up', sentence: `${asked}ended the connection without an answer to ${request}. Look at the program there.` };
}
