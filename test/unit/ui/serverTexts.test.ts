import { describe, expect, it, vi } from 'vitest';
import type { FailureCode } from '../../../src/core/failure.ts';
import type { ForwardState } from '../../../src/core/forwardState.ts';
import { withoutLinks } from '../../../src/ui/format.ts';
import { explain } from '../../../src/ui/messages.ts';
import { presentForward, presentStatus } from '../../../src/ui/present.ts';
import { tooltipOf } from '../../../src/ui/tooltip.ts';
import { failure, forwardOf, NOW, STATES } from './samples.ts';

interface RecordedMarkdown {
  readonly texts: readonly string[];
  readonly markdown: readonly string[];
}

/** Tells what went in as text from what went in as markdown. */
vi.mock('vscode', () => ({
  MarkdownString: class {
    readonly texts: string[] = [];
    readonly markdown: string[] = [];
    appendText(text: string): void { this.texts.push(text); }
    appendMarkdown(text: string): void { this.markdown.push(text); }
  },
}));

/** A server's words as they come from the plane: cleaned, and still hostile to whoever renders them. */
const SAID = 'you were $(trash) let in [click](command:workbench.action.quit) <b>**bold**</b>';
const CODES: readonly FailureCode[] = ['connection-lost', 'connect-timeout', 'not-ssh', 'auth-failed', 'handshake-failed', 'destination-unreachable', 'proxy-command-failed', 'login-expired'];

describe.each(CODES)('what a server said, in a failure of %s', (code) => {
  const told = failure(code, { hop: 'bastion', host: 'bastion', port: 22, said: SAID, heard: 'text', stage: 'handshake', reason: SAID }, `bastion: ${SAID}`);
  const states: readonly ForwardState[] = [{ phase: 'failed', since: NOW, failure: told }, { ...STATES.retrying, failure: told } as ForwardState];

  it('is never part of a row or the status bar, which render icons', () => {
    for (const state of states) {
      const { label, description, spoken } = presentForward(forwardOf(state), NOW, false);
      for (const text of [label, description, spoken]) expect(text).not.toContain('$(');
      expect(presentStatus([forwardOf(state)])?.text).toMatch(/^\$\((?:warning|sync~spin)\) [\d/]+$/);
    }
  });

  it('is text in the tooltip, never markdown', () => {
    for (const state of states) {
      const { texts, markdown } = tooltipOf(forwardOf(state), NOW) as unknown as RecordedMarkdown;
      expect(markdown.join('')).toMatch(/^[*\s]*$/);
      expect(texts.join(' ')).toContain(explain(told).sentence);
      // In text a line breaks at no space.
      expect(texts.filter((text) => /\S \S/.test(text))).toEqual([]);
    }
  });

  it('makes no link and no icon in a message', () => {
    const message = withoutLinks(explain(told).sentence);
    expect(message).not.toMatch(/\]\(|\$\(/);
  });
});
