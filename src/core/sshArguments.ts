import { untrustedText } from './failure.ts';
import { endOf, quoted, slicePiece, TextError, type Piece } from './forwardText.ts';

/** What an ssh(1) command line says about one forward. */
export interface SshArguments {
  /** The argument of `-L`. */
  readonly rule: Piece;
  readonly destination: Piece | undefined;
  readonly port: Piece | undefined;
  readonly user: Piece | undefined;
  /** `-g`: other machines may connect. */
  readonly isGateway: boolean;
  /** What has no meaning for a forward here and was left out, for people. */
  readonly leftOut: readonly string[];
}

/** Options of ssh(1), OpenSSH 9: those with an argument, and those without that change nothing about a forward. */
const WITH_ARGUMENT = 'BbcDEeFIiJLlmOoPpQRSWw';
const WITHOUT_ARGUMENT = '246AaCfGgKkMNnqsTtVvXxYy';
const HARMLESS = '2NfnTqvakx';

/** Options that change how the server is reached or who logs in: leaving them out would be a different forward. */
const DECISIVE: Readonly<Record<string, string>> = {
  i: 'IdentityFile', J: 'ProxyJump', F: 'its settings', b: 'BindAddress', B: 'BindInterface', I: 'PKCS11Provider', P: 'its settings', S: 'its settings', o: 'the option',
};
const OTHER_KINDS: Readonly<Record<string, string>> = {
  R: 'Remote forwards (-R)', D: 'Dynamic forwards (-D)', W: 'Standard input forwards (-W)', w: 'Tunnel devices (-w)', O: 'Control commands (-O)',
};

const MAX_LEFT_OUT_LENGTH = 60;

/** True for a whole ssh command and for text that begins with one of its options. */
export function isSshCommand(words: readonly Piece[]): boolean {
  const first = words[0]?.text ?? '';
  return /^(?:.*[/\\])?ssh(?:\.exe)?$/i.test(first) || /^-[A-Za-z]/.test(first);
}

/** Reads the words of an ssh command; throws a `TextError` for what cannot be taken over. */
export function readSshArguments(words: readonly Piece[]): SshArguments {
  const reader = new ArgumentReader(words);
  return reader.read();
}

class ArgumentReader {
  readonly #words: readonly Piece[];
  #index: number;
  #rule: Piece | undefined;
  #destination: Piece | undefined;
  #port: Piece | undefined;
  #user: Piece | undefined;
  #isGateway = false;
  readonly #leftOut: string[] = [];

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
    if (this.#rule === undefined) throw new TextError('This command forwards nothing: -L with port:host:port is missing.', this.#whole());
    return {
      rule: this.#rule, destination: this.#destination, port: this.#port, user: this.#user, isGateway: this.#isGateway, leftOut: this.#leftOut,
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
        if (this.#rule !== undefined) throw new TextError('One -L at a time: paste the others after this one.', at);
        this.#rule = value;
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
        this.#refuseOrLeaveOut(option, value, at);
    }
  }

  #takeConfigOption(value: Piece): void {
    const match = /^(\w+)\s*[=\s]\s*(.+)$/.exec(value.text);
    const [, name = '', text = ''] = match ?? [];
    const piece = slicePiece(value, value.text.length - text.length);
    if (/^port$/i.test(name)) this.#port ??= piece;
    else if (/^user$/i.test(name)) this.#user ??= piece;
    else if (/^(?:exitonforwardfailure|serveralive\w+|tcpkeepalive|compression|loglevel|connecttimeout|requesttty)$/i.test(name)) this.#leftOut.push(`-o ${untrustedText(value.text, MAX_LEFT_OUT_LENGTH)}`);
    else throw new TextError(`-o ${untrustedText(name === '' ? value.text : name, MAX_LEFT_OUT_LENGTH)} cannot be taken over from a command: put it into ~/.ssh/config for this server.`, value);
  }

  #refuseOrLeaveOut(option: string, value: Piece, at: Piece): void {
    const keyword = DECISIVE[option];
    if (keyword === undefined) this.#leftOut.push(`-${option} ${untrustedText(value.text, MAX_LEFT_OUT_LENGTH)}`);
    else throw new TextError(`-${option} cannot be taken over from a command: put ${keyword} into ~/.ssh/config for this server.`, at);
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
