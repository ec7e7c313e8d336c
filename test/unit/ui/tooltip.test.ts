import { describe, expect, it, vi } from 'vitest';
import type { ForwardDefinition } from '../../../src/core/forward.ts';
import { tooltipOf } from '../../../src/ui/tooltip.ts';
import { forwardOf, NOW, STATES } from './samples.ts';

vi.mock('vscode', () => ({
  MarkdownString: class {
    readonly texts: string[] = [];
    appendText(text: string): void { this.texts.push(text); }
    appendMarkdown(): void { /* Only what is read matters here. */ }
  },
}));

const lastLineOf = (changes: Partial<ForwardDefinition>): string | undefined => (tooltipOf(forwardOf(STATES.stopped, changes), NOW) as unknown as { texts: string[] }).texts.at(-1);

describe('the last line of a tooltip', () => {
  it('has the notation, and what the forward does by itself', () => {
    expect(lastLineOf({})).toBe('Forward Port: 5432:db:5432 me@bastion');
    expect(lastLineOf({ autoStart: true })).toBe('Forward Port: 5432:db:5432 me@bastion  (starts with the editor)');
    expect(lastLineOf({ autoStart: true, isOnDemand: true, stopAfterMinutes: 90 })).toBe('Forward Port: 5432:db:5432 me@bastion  (starts with the editor, connects on demand, stops after 90 min)');
  });
});
