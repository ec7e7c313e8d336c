import { describe, expect, it, vi } from 'vitest';
import type { Forward, ForwardDefinition } from '../../../src/core/forward.ts';
import { explain } from '../../../src/ui/messages.ts';
import { tooltipOf } from '../../../src/ui/tooltip.ts';
import { failure, forwardOf, NOW, RUN_ELSEWHERE, STATES } from './samples.ts';

vi.mock('vscode', () => ({
  MarkdownString: class {
    text = '';
    appendText(text: string): void { this.text += text; }
    appendMarkdown(markdown: string): void { this.text += markdown; }
  },
}));

function textOf(forward: Forward): string {
  return (tooltipOf(forward, NOW) as unknown as { text: string }).text;
}

function linesOf(changes: Partial<ForwardDefinition>): string[] {
  return linesOfForward(forwardOf(STATES.stopped, changes));
}

function linesOfForward(forward: Forward): string[] {
  const { text } = tooltipOf(forward, NOW) as unknown as { text: string };
  return text.split('  \n').filter((line) => line !== '');
}

describe('a tooltip', () => {
  it('ends with the notation, and whether the forward starts by itself', () => {
    expect(linesOf({}).at(-1)).toBe('Forward Port: 5432:db:5432 me@bastion');
    expect(linesOf({ autoStart: true }).at(-1)).toBe('Forward Port: 5432:db:5432 me@bastion  (starts with the editor)');
  });

  it('of what another window runs tells what goes on there, and how long it has been so', () => {
    const { running, traffic } = RUN_ELSEWHERE;
    const forward = { ...forwardOf({ phase: 'elsewhere', since: running.since, running }, {}, { ...traffic, connections: [] }), stopsAt: NOW + 600_000, isClaimed: true as const };
    expect(linesOfForward(forward).slice(2, -1)).toEqual([
      'State: in another window · listening, for 2 h', 'It starts here when that window closes.', 'Stops by itself in 10 min.',
      'Listening on 127.0.0.1:5432 and [::1]:5432', '2 open connections, 5 in all, ↑ 1.0 kB ↓ 2.0 kB',
    ]);
  });

  it('says what is checked, and when that was proved last, unless something is wrong', () => {
    const well = forwardOf(STATES.listening, { healthCheck: { kind: 'http', path: '/health' } });
    expect(textOf(well)).toContain('Health check: GET /health, expecting 2xx or 3xx, every 30 s while it listens.');
    expect(textOf(well)).toMatch(/State: listening, for \d+ s, not tried yet {2}\n/);
    expect(textOf(forwardOf(STATES.listening, { spec: { kind: 'dynamic', listen: { host: '', port: 1080 }, target: { host: 'bastion' } } }))).toContain(', nothing reached yet');
    expect(textOf({ ...well, provedAt: NOW - 12_000 })).toMatch(/State: listening, for \d+ s, proved 12 s ago {2}\n/);
    const complaint = { failure: failure('destination-unhealthy', { destination: 'db:5432', request: 'GET /health', status: 503, expected: '200' }), at: NOW };
    const text = textOf({ ...well, provedAt: NOW - 12_000, state: { ...STATES.listening, complaint } as Forward['state'] });
    expect(text).not.toContain('proved');
    expect(text).toContain('State: listening, destination answers 503 (just now)');
    expect(text).toContain('db:5432 takes connections, but answered GET /health with HTTP status 503, where the health check expects 200.');
    expect(linesOf({ healthCheck: { kind: 'http', path: '/health?token=canary' } })).toContain('Health check: GET /health?…, expecting 2xx or 3xx, every 30 s while it listens.');
    expect(linesOf({ healthCheck: { kind: 'connect', intervalSeconds: 60 } })).toContain('Health check: connects to the destination, every 1 min while it listens.');
  });

  it('says since when it is down, and why, through every try', () => {
    const outage = { failure: failure('connect-timeout'), at: NOW - 12_000, since: NOW - 565_000 };
    const starting = forwardOf({ ...STATES.starting, attempt: 3, outage } as Forward['state']);
    expect(linesOfForward(starting)).toContain('State: connecting, 3rd try, down for 9 min: server does not answer');
    expect(linesOfForward(starting)).toContain(explain(outage.failure).sentence);
    expect(linesOfForward(forwardOf({ ...STATES.retrying, downSince: outage.since } as Forward['state']))).toContain('State: retrying in 4 s, down for 9 min: server does not answer');
    expect(linesOfForward(forwardOf({ ...STATES.retrying, downSince: NOW - 3_000 } as Forward['state']))).toContain('State: retrying in 4 s, server does not answer, down for 3 s');
  });

  it('says once when the tunnel opens and when the forward ends', () => {
    const lines = linesOf({ isOnDemand: true, stopAfterMinutes: 90 });
    expect(lines.filter((line) => /demand/i.test(line))).toEqual(['On demand: the tunnel opens for the first connection, and closes when idle.']);
    expect(lines.filter((line) => line.includes('by itself'))).toEqual(['Stops by itself after 1 h 30 min of running.']);
  });
});
