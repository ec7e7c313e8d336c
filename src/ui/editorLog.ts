import * as vscode from 'vscode';
import type { Disposable } from '../core/lifecycle.ts';
import type { LogLevel } from '../protocol/messages.ts';
import type { Log } from './log.ts';

/** The output channel "Culvert"; the editor filters by its level. */
export class EditorLog implements Log, Disposable {
  readonly #channel = vscode.window.createOutputChannel('Culvert', { log: true });
  #isDisposed = false;

  /** Lost without a trace after `dispose()`: what ends together with the editor may still have something to say. */
  write(level: LogLevel, text: string): void {
    if (!this.#isDisposed) this.#channel[level](text);
  }

  show(): void {
    this.#channel.show(true);
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#channel.dispose();
  }
}
