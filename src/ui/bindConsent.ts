import * as vscode from 'vscode';
import { formatHostPort } from '../core/address.ts';
import { ForwardError } from '../core/failure.ts';
import type { ForwardDefinition } from '../core/forward.ts';
import { formatForward } from '../core/forwardText.ts';
import { isWide } from './present.ts';
import type { PromptQueue } from './promptQueue.ts';

const MEMENTO_KEY = 'allowedBinds';

/** Asks once for each forward that other machines could reach; the consent stays on this computer and does not travel with the settings. */
export class BindConsent {
  readonly #state: vscode.Memento;
  readonly #queue: PromptQueue;

  constructor(state: vscode.Memento, queue: PromptQueue) {
    this.#state = state;
    this.#queue = queue;
  }

  /** Settles when the forward may listen; rejects with `bind-not-allowed` when the user says no. */
  async require(definition: ForwardDefinition, signal: AbortSignal): Promise<void> {
    if (!isWide(definition.spec) || this.#isAllowed(definition)) return;
    const isAllowed = await this.#queue.run(() => this.#ask(definition), signal);
    if (isAllowed !== true) {
      const address = formatHostPort(definition.spec.listen);
      throw new ForwardError('bind-not-allowed', `listening on ${address} was not allowed`, { context: { address } });
    }
  }

  /** While the question waited its turn, an earlier one about the same forward may have been answered. */
  async #ask(definition: ForwardDefinition): Promise<boolean> {
    if (this.#isAllowed(definition)) return true;
    if (!(await ask(definition))) return false;
    await this.#state.update(MEMENTO_KEY, [...this.#allowed(), keyOf(definition)]);
    return true;
  }

  #isAllowed(definition: ForwardDefinition): boolean {
    return this.#allowed().includes(keyOf(definition));
  }

  #allowed(): readonly string[] {
    return this.#state.get<readonly string[]>(MEMENTO_KEY, []);
  }
}

/** The consent is for this forward with these poles; another address or destination asks anew. */
function keyOf({ id, spec }: ForwardDefinition): string {
  return JSON.stringify([id, spec]);
}

async function ask(definition: ForwardDefinition): Promise<boolean> {
  const address = formatHostPort(definition.spec.listen);
  const chosen = await vscode.window.showWarningMessage(
    `${definition.name === '' ? formatForward(definition.spec) : definition.name} will be reachable from other machines on ${address}.`,
    { modal: true, detail: 'Anyone who can reach this computer over the network can then use it. Without an address, only programs on this computer can.' },
    'Allow for This Forward',
  );
  return chosen !== undefined;
}
