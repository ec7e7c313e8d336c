import { describe, expect, it, vi } from 'vitest';
import type { ForwardDefinition } from '../../../src/core/forward.ts';
import { tooltipOf } from '../../../src/ui/tooltip.ts';
import { forwardOf, NOW, STATES } from './samples.ts';

vi.mock('vscode', () => ({
  MarkdownString: class {
    text = '';
    appendText(text: string): void { this.text += text; }
    appendMarkdown(markdown: string): void { this.text += markdown; }
  },
}));

function linesOf(changes: Partial<ForwardDefinition>): string[] {
  const { text } = tooltipOf(forwardOf(STATES.stopped, changes), NOW) as unknown as { text: string };
  return text.split('  \n').filter((line) => line !== '');
}

describe('a tooltip', () => {
  it('ends with the notation, and whether the forward starts by itself', () => {
    expect(linesOf({}).at(-1)).toBe('Forward Port: 5432:db:5432 me@bastion');
    expect(linesOf({ autoStart: true }).at(-1)).toBe('Forward Port: 5432:db:5432 me@bastion  (starts with the editor)');
  });

  it('says once when the tunnel opens and when the forward ends', () => {
    const lines = linesOf({ isOnDemand: true, stopAfterMinutes: 90 });
    expect(lines.filter((line) => /demand/i.test(line))).toEqual(['On demand: the tunnel opens for the first connection, and closes when idle.']);
    expect(lines.filter((line) => line.includes('by itself'))).toEqual(['Stops by itself after 1 h 30 min of running.']);
  });
});
