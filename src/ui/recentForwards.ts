import type * as vscode from 'vscode';
import type { ForwardModel } from '../core/forwardModel.ts';
import { parseForward } from '../core/forwardParser.ts';
import { isThroughSsh, type ForwardSpec } from '../core/forwardSpec.ts';
import { isListening, STOPPED } from '../core/forwardState.ts';
import { formatForward } from '../core/forwardText.ts';
import type { Disposable } from '../core/lifecycle.ts';
import type { KnownHost } from './forwardPortBox.ts';

const MEMENTO_KEY = 'recentForwards';
const MAX_RECENT = 10;

/** Remembers what was forwarded lately, so that a removed forward is one keystroke away. */
export class RecentForwards implements Disposable {
  readonly #state: vscode.Memento;
  readonly #model: ForwardModel;
  readonly #subscription: Disposable;

  constructor(state: vscode.Memento, model: ForwardModel) {
    this.#state = state;
    this.#model = model;
    this.#subscription = model.onDidChange((change) => {
      if (change.kind === 'state' && isListening(model.get(change.id)?.state ?? STOPPED)) this.#remember(change.id);
    });
  }

  /** The latest first, without those that are in the view anyway. */
  list(): readonly ForwardSpec[] {
    const shown = new Set(this.#model.forwards.map(({ definition }) => formatForward(definition.spec)));
    return this.#texts().filter((text) => !shown.has(text)).flatMap(specsIn);
  }

  /** The hosts with those that were forwarded through lately before the others. */
  recentFirst(hosts: readonly KnownHost[]): readonly KnownHost[] {
    const aliases = this.#texts().flatMap(specsIn).flatMap((spec) => (isThroughSsh(spec) ? [spec.target.host] : []));
    const placeOf = ({ alias }: KnownHost): number => (aliases.includes(alias) ? aliases.indexOf(alias) : aliases.length);
    return hosts.toSorted((one, other) => placeOf(one) - placeOf(other));
  }

  dispose(): void {
    this.#subscription.dispose();
  }

  #remember(id: string): void {
    const definition = this.#model.get(id)?.definition;
    if (definition?.origin !== 'user') return;
    const text = formatForward(definition.spec);
    const texts = [text, ...this.#texts().filter((other) => other !== text)].slice(0, MAX_RECENT);
    if (texts.join('\n') === this.#texts().join('\n')) return;
    // A suggestion less is no loss.
    this.#state.update(MEMENTO_KEY, texts).then(undefined, () => undefined);
  }

  #texts(): readonly string[] {
    return this.#state.get<readonly string[]>(MEMENTO_KEY, []);
  }
}

function specsIn(text: string): readonly ForwardSpec[] {
  const parsed = parseForward(text, { sshHosts: new Set() });
  const reading = parsed.isValid ? parsed.readings[0] : undefined;
  return reading?.kind === 'forward' ? [reading.spec] : [];
}
