import { wordSimilarity } from './similarity.ts';

/** Names as they are compared: lower-case Latin words without accents, punctuation, legal forms. */

export interface ComparableName {
  /** In the order written; legal forms and small words are left out, unless nothing else remains. */
  readonly words: readonly string[];
  /** All words in one, so that AERO-CARIBBEAN is AEROCARIBBEAN. */
  readonly squashed: string;
  /** False where letters of a script we cannot write in Latin remain, or no letter or digit at all: such a name can be neither met nor cleared. */
  readonly isComparable: boolean;
}

/** Latin letters that Unicode does not take apart, and Cyrillic by BGN/PCGN without its marks. */
const LETTERS: ReadonlyMap<string, string> = new Map(
  (
    'ß:ss æ:ae œ:oe ø:o đ:d ð:d þ:th ł:l ı:i ħ:h ŋ:n ə:a ĸ:k ŧ:t ' +
    'а:a б:b в:v г:g д:d е:e ж:zh з:z и:i к:k л:l м:m н:n о:o п:p р:r с:s т:t у:u ф:f х:kh ц:ts ч:ch ш:sh щ:shch ъ: ы:y ь: э:e ю:yu я:ya ' +
    'і:i є:ye ґ:g ђ:dj ј:j љ:lj њ:nj ћ:c џ:dz ѓ:g ќ:k ў:u қ:q ғ:g ә:a ө:o ү:u ұ:u һ:h ң:n'
  )
    .split(' ')
    .map((pair) => [pair.slice(0, 1), pair.slice(2)] as const),
);

const LEGAL_FORMS = new Set(
  (
    'ltd limited ltda lda llc llp lp inc incorporated corp corporation co company cia plc gmbh mbh ag kg kgaa ohg ug sa sas sasu sarl srl spa snc scs sl slu sau nv bv cv vof oy oyj ' +
    'ab as asa aps sp oo zoo ooo oao zao pao jsc pjsc ojsc cjsc fze fzco fzc dmcc pte pty pvt private sdn bhd kk yk gk pt tbk sti sanayi ticaret hf ehf doo dd ad eood ood kft zrt nyrt ' +
    'sro sia uab ou tov dat eirl s rl sac sab ltee est'
  ).split(' '),
);

/** The long ones are misspelled too. */
const LONG_FORMS = ['limited', 'company', 'corporation', 'incorporated', 'compania', 'private', 'sanayi', 'ticaret'];
const MISSPELLED = 0.92;

/** Articles and particles that come and go between two spellings of one name. */
const SMALL_WORDS = new Set(
  'the and of for de del la le les el los las du des di da do dos der die das und y e et al el ul an in z ben bin ibn bint'.split(' '),
);

function fold(text: string): string {
  // NFKD takes letters and marks apart; the marks then fall away. Casing comes second, because a dotted capital I only then has a plain lower case.
  const plain = text.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase().normalize('NFKD').replaceAll(/\p{M}/gu, '');
  return plain.replaceAll(/\P{ASCII}/gu, (letter) => LETTERS.get(letter) ?? letter);
}

function splitWords(folded: string): readonly string[] {
  const joined = folded
    .replaceAll(/['’ʼʻ`´]/g, '')
    // S.A. and F.Z.E. are one word each.
    .replaceAll(/(?<![\p{L}\p{N}])((?:\p{L}\.)+\p{L})(?![\p{L}\p{N}])/gu, (abbreviation) => abbreviation.replaceAll('.', ''))
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
  // "S A" and "S.A." are the same word; two initials are one.
  return joined
    .replaceAll(/(?<![\p{L}\p{N}])\p{L}(?: \p{L}(?![\p{L}\p{N}]))+/gu, (letters) => letters.replaceAll(' ', ''))
    .split(' ')
    .filter(Boolean);
}

function isLegalForm(word: string): boolean {
  return (
    LEGAL_FORMS.has(word) ||
    LONG_FORMS.some((form) => form[0] === word[0] && Math.abs(form.length - word.length) <= 1 && wordSimilarity(word, form) >= MISSPELLED)
  );
}

export function normaliseName(name: string): ComparableName {
  const all = splitWords(fold(name));
  const core = all.filter((word) => !isLegalForm(word) && !SMALL_WORDS.has(word));
  const words = core.length > 0 ? core : all;
  return { words, squashed: words.join(''), isComparable: words.length > 0 && words.every((word) => /^[a-z0-9]+$/.test(word)) };
}
