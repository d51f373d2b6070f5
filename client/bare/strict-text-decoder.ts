/** What decodes UTF-8 and puts U+FFFD where there is none. */
type LenientDecoder = new (
  label?: string,
) => {
  decode(bytes?: ArrayBufferView | ArrayBuffer, options?: { readonly stream?: boolean }): string;
};

type DecoderOptions = { readonly fatal?: boolean; readonly ignoreBOM?: boolean };

const ORDER_MARK = "\uFEFF";

/**
 * The TextDecoder of bare-encoding with what it lacks of the standard (WHATWG Encoding section 7.1): `fatal`, and the byte order mark, which is
 * taken off unless `ignoreBOM` says otherwise. `fatal` is for whole texts alone.
 */
export function strictTextDecoder(Lenient: LenientDecoder): LenientDecoder {
  return class TextDecoder extends Lenient {
    readonly fatal: boolean;
    readonly ignoreBOM: boolean;
    /** Something of this text was decoded before. */
    #isWithin = false;

    constructor(label?: string, { fatal = false, ignoreBOM = false }: DecoderOptions = {}) {
      super(label);
      this.fatal = fatal;
      this.ignoreBOM = ignoreBOM;
    }

    override decode(
      bytes: ArrayBufferView | ArrayBuffer = new Uint8Array(),
      options: { readonly stream?: boolean } = {},
    ): string {
      const { stream = false } = options;
      if (this.fatal && stream) throw new TypeError("fatal decodes no streams on Bare");
      const text = super.decode(bytes, { stream });
      if (this.fatal && !isSame(Buffer.from(text), bytes)) throw new TypeError("it is not UTF-8");
      const isFirst = !this.#isWithin && text !== "";
      this.#isWithin = stream && (this.#isWithin || isFirst);
      return isFirst && !this.ignoreBOM && text.startsWith(ORDER_MARK) ? text.slice(1) : text;
    }
  };
}

function isSame(text: Uint8Array, given: ArrayBufferView | ArrayBuffer): boolean {
  const bytes = ArrayBuffer.isView(given)
    ? new Uint8Array(given.buffer, given.byteOffset, given.byteLength)
    : new Uint8Array(given);
  return text.length === bytes.length && text.every((byte, at) => byte === bytes[at]);
}
