import { untrustedText } from './failure.ts';
import { endOf, quoted, slicePiece, TextError, type Piece } from './forwardText.ts';

/** One of the options that make a forward, and its argument. */
export interface ForwardArgument {
  readonly flag: 'L' | 'R' | 'D';
  readonly text: Piece;
}

/** What an ssh(1) command line says about its forwards. */
export interface SshArguments {
  /** At least one. */
  readonly rules: readonly ForwardArgument[];
  readonly destination: Piece | undefined;
  readonly port: Piece | undefined;
  readonly user: Piece | undefined;
  /** `-g`: other machines may connect. */
  readonly isGateway: boolean;
  /** What has no meaning for a forward here and was left out, for people. */
  readonly leftOut: readonly string[];
  /** What decides how the server is reached or who logs in and has no place in a forward, for people. */
  readonly notTakenOver: readonly string[];
}

/** Options of ssh(1), OpenSSH 9: those with an argument, and those without that change nothing about a forward. */
const WITH_ARGUMENT = 'BbcDEeFIiJLlmOoPpQRSWw';
const WITHOUT_ARGUMENT = '246AaCfGgKkMNnqsTtVvXxYy';
const HARMLESS = '2NfnTqvakx';

/** Options that change how the server is reached or who logs in, and the keyword of ssh_config that says the same. */
const DECISIVE: Readonly<Record<string, string>> = {
  i: ' (IdentityFile)', J: ' (ProxyJump)', F: '', b: ' (BindAddress)', B: ' (BindInterface)', I: ' (PKCS11Provider)', P: ' (Tag)', S: ' (ControlPath)',
};
/** With one of these the command does something else: -W alone clears every forward, as ssh(1) says. */
const OTHER_KINDS: Readonly<Record<string, string>> = {
  W: 'Standard input forwards (-W)', w: 'Tunnel devices (-w)', O: 'Control commands (-O)',
};
/** Settings of `-o` that change nothing about a forward here. */
const HARMLESS_CONFIG = /^(?:exitonforwardfailure|serveralive\w+|tcpkeepalive|compression|loglevel|connecttimeout|requesttty)$/i;

const MAX_LEFT_OUT_LENGTH = 60;

/** True for a whole ssh command and for text that begins with one of its options; a path after a colon is the pole of a forward. */
export function isSshCommand(words: readonly Piece[]): boolean {
  const first = words[0]?.text ?? '';
  return /^(?:(?:[a-z]:)?[^:]*[/\\])?ssh(?:\.exe)?$/i.test(first) || /^-[A-Za-z]/.test(first);
}

/** Reads the words of an ssh command; throws a `TextError` for what cannot be taken over. */
export function readSshArguments(words: readonly Piece[]): SshArguments {
  const reader = new ArgumentReader(words);
  return reader.read();
}

class ArgumentReader {
  readonly #words: readonly Piece[];
  #index: number;
  readonly #rules: ForwardArgument[] = [];
  #destination: Piece | undefined;
  #port: Piece | undefined;
  #user: Piece | undefined;
  #isGateway = false;
  readonly #leftOut: string[] = [];
  readonly #notTakenOver: string[] = [];

  constructor(words: readonly Piece[]) {
    this.#words = words;
    this.#index = words[0]?.text.startsWith('-') === true ? 0 : 1;
  }

  read(): SshArguments {
    let isPastOptions = false;
    for (let word = this.#next(); word !== undefined; word = this.#next()) {
      if (word.text === '--' && !isPastOptions) isPastOptions = true;
      else if (!isPastOptions && word.text.startsWith('-') && word.text.length > 1) this.#readOptions(word);
      else if (this.#destination === undefined) this.#destination = word;
      else this.#leaveOutCommand(word);
    }
    if (this.#rules.length === 0) throw new TextError('This command forwards nothing: -L, -R or -D is missing.', this.#whole());
    return {
      rules: this.#rules, destination: this.#destination, port: this.#port, user: this.#user, isGateway: this.#isGateway, leftOut: this.#leftOut, notTakenOver: this.#notTakenOver,
    };
  }

  /** One word may hold several flags, the last with its argument attached: `-fNL8080:localhost:80`. */
  #readOptions(word: Piece): void {
    for (let index = 1; index < word.text.length; index += 1) {
      const option = word.text.charAt(index);
      const at = slicePiece(word, index === 1 ? 0 : index, index + 1);
      if (WITH_ARGUMENT.includes(option)) {
        const attached = word.text.slice(index + 1);
        const value = attached === '' ? this.#next() : slicePiece(word, index + 1);
        if (value === undefined) throw new TextError(`-${option} needs a value after it.`, at);
        this.#takeValue(option, value, at);
        return;
      }
      if (!WITHOUT_ARGUMENT.includes(option)) throw new TextError(`${quoted(`-${option}`)} is not an option of ssh.`, at);
      if (option === 'g') this.#isGateway = true;
      else if (!HARMLESS.includes(option)) this.#leftOut.push(`-${option}`);
    }
  }

  #takeValue(option: string, value: Piece, at: Piece): void {
    const kind = OTHER_KINDS[option];
    if (kind !== undefined) throw new TextError(`${kind} are not supported yet.`, at);
    switch (option) {
      case 'L':
      case 'R':
      case 'D':
        this.#rules.push({ flag: option, text: value });
        return;
      case 'p':
        this.#port ??= value;
        return;
      case 'l':
        this.#user ??= value;
        return;
      case 'o':
        this.#takeConfigOption(value);
        return;
      default:
        this.#setAside(`-${option} ${untrustedText(value.text, MAX_LEFT_OUT_LENGTH)}`, DECISIVE[option]);
    }
  }

  #takeConfigOption(value: Piece): void {
    const match = /^(\w+)\s*[=\s]\s*(.+)$/.exec(value.text);
    const [, name = '', text = ''] = match ?? [];
    const piece = slicePiece(value, value.text.length - text.length);
    if (/^port$/i.test(name)) this.#port ??= piece;
    else if (/^user$/i.test(name)) this.#user ??= piece;
    else this.#setAside(`-o ${untrustedText(value.text, MAX_LEFT_OUT_LENGTH)}`, HARMLESS_CONFIG.test(name) ? undefined : '');
  }

  #setAside(said: string, keyword: string | undefined): void {
    if (keyword === undefined) this.#leftOut.push(said);
    else this.#notTakenOver.push(said + keyword);
  }

  #leaveOutCommand(word: Piece): void {
    const rest = this.#words.slice(this.#index - 1).map(({ text }) => text).join(' ');
    this.#leftOut.push(`the command ${quoted(rest === '' ? word.text : rest)}`);
    this.#index = this.#words.length;
  }

  #next(): Piece | undefined {
    const word = this.#words[this.#index];
    this.#index += 1;
    return word;
  }

  #whole(): Piece {
    const first = this.#words[0] ?? { text: '', start: 0 };
    const last = this.#words.at(-1) ?? first;
    return { text: ' '.repeat(endOf(last) - first.start), start: first.start };
  }
}
