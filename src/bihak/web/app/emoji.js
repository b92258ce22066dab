/** A small choice of emoji, with the words they are found by, in English and French. */

const WORDS = `
👍 thumbs up yes ok good agree pouce oui bien accord
👎 thumbs down no bad pouce non mauvais
❤️ heart love red coeur amour
😂 laugh tears joy funny rire drôle larmes
🎉 party congratulations celebrate fête bravo félicitations
😮 surprised wow oh surpris étonné
🙏 thanks please pray merci prière
👏 clap applause bravo applaudir
🔥 fire hot great feu super
💯 hundred perfect cent parfait
✅ check done yes fait validé coche
❌ cross no wrong croix non faux
👀 eyes look see yeux regarder voir
🤔 think hmm penser réfléchir
😀 smile happy grin sourire content
😃 smile happy open sourire heureux
😄 smile laugh happy sourire rire
😁 grin beaming large sourire
😅 sweat relief laugh sueur ouf
🤣 rolling laughing rofl mort de rire
😊 blush smile warm rougir sourire
🙂 slight smile léger sourire
🙃 upside down à l'envers
😉 wink clin d'oeil
😍 love eyes adore amour yeux
🥰 hearts love adore coeurs amour
😘 kiss bisou
😋 yum delicious miam délicieux
😎 cool sunglasses lunettes
🤩 star struck wow étoiles
🥳 party birthday fête anniversaire
😇 angel innocent ange
🤗 hug câlin
🤭 oops giggle oups
🤫 quiet shush chut silence
🤐 zip secret bouche cousue
😐 neutral meh neutre
😏 smirk sourire en coin
🙄 roll eyes lever les yeux
😬 grimace awkward gêne
😌 relieved calm soulagé calme
😴 sleep tired dormir fatigué
🤤 drool bave
😷 mask sick masque malade
🤒 fever ill fièvre malade
🤯 mind blown explosion tête
😕 confused confus
😟 worried inquiet
🙁 sad frown triste
😢 cry sad pleurer triste
😭 sob crying sanglot pleurer
😤 proud huff fier souffler
😠 angry fâché colère
😡 rage angry rage colère
😱 scream fear peur cri
😳 flushed embarrassed gêné rougir
🥺 pleading please supplier s'il te plaît
😩 weary tired las épuisé
🥱 yawn bored bâiller ennui
🤷 shrug dunno hausser épaules sais pas
🤦 facepalm désespoir
🙋 raise hand question lever main
💪 strong muscle fort courage
🤝 handshake deal agree poignée accord
👋 wave hello bye salut au revoir
✋ hand stop main
👌 ok perfect parfait
✌️ peace victory paix victoire
🤞 fingers crossed luck doigts croisés chance
🤙 call me appelle
👉 point right droite
👈 point left gauche
👆 point up haut
👇 point down bas
✍️ write note écrire
🫶 heart hands coeur mains
🧠 brain idea cerveau idée
🧡 orange heart coeur
💛 yellow heart coeur jaune
💚 green heart coeur vert
💙 blue heart coeur bleu
💜 purple heart coeur violet
🖤 black heart coeur noir
💔 broken heart coeur brisé
✨ sparkles shine étincelles brille
⭐ star étoile
🌟 glowing star étoile brillante
💡 idea light bulb idée ampoule
📌 pin épingle
📎 clip attachment trombone
📅 calendar date calendrier
⏰ alarm clock time réveil heure
⏳ wait hourglass attendre sablier
🚀 rocket launch fusée lancement
🎯 target goal cible but
🏆 trophy win trophée gagner
🥇 medal first médaille premier
🎁 gift present cadeau
🎂 cake birthday gâteau anniversaire
🎓 graduate study diplôme étude
📚 books study livres étude
📝 memo note écrire
📈 up growth chart hausse croissance
📉 down chart baisse
💰 money argent
💼 work business travail affaires
🏠 house home maison
🌍 world earth africa monde terre afrique
🌱 plant seedling grow plante pousse
🌞 sun soleil
🌧️ rain pluie
⚡ lightning fast energy éclair énergie
❄️ snow cold neige froid
🌈 rainbow arc-en-ciel
🐐 goat best chèvre
🐄 cow vache
🐓 chicken hen poule
🐟 fish poisson
🐝 bee honey abeille miel
🌾 crop harvest récolte
🌽 corn maize maïs
🥑 avocado avocat
🍌 banana banane
🥭 mango mangue
🍞 bread pain
☕ coffee tea café thé
🍺 beer cheers bière
🥤 drink boisson
🍽️ meal eat repas manger
⚽ football soccer
🏀 basketball basket
🎵 music note musique
📷 photo camera appareil
💻 computer laptop ordinateur
📱 phone mobile téléphone
🔧 tool fix outil réparer
🐛 bug insect bogue insecte
🔒 lock secure cadenas sécurité
🔗 link lien
❓ question
❗ important exclamation
⚠️ warning attention
🆗 ok
➕ plus add ajouter
➖ minus less moins
🔁 repeat again encore répéter
🇷🇼 rwanda flag drapeau
`;

/** @type {{emoji: string, words: string}[]} */
export const EMOJI = WORDS.trim()
  .split("\n")
  .map((line) => {
    const cut = line.indexOf(" ");
    return { emoji: line.slice(0, cut), words: plain(line.slice(cut + 1)) };
  });

const ONE = /^(?:\p{Extended_Pictographic}|\p{Regional_Indicator}{2}|[0-9#*]\uFE0F?\u20E3)/u;

/** @param {string} text @returns {string | null} the one emoji that it is, however it is made up */
export function asEmoji(text) {
  const trimmed = text.trim();
  const [first, second] = new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(trimmed);
  return first && !second && ONE.test(trimmed) ? trimmed : null;
}

/** @param {string} query @returns {string[]} those of which a word begins with each word of it; all for nothing */
export function findEmoji(query) {
  const wanted = plain(query).split(/\s+/u).filter(Boolean);
  const fits = (/** @type {string} */ words) => wanted.every((word) => ` ${words}`.includes(` ${word}`));
  return EMOJI.filter(({ words }) => fits(words)).map(({ emoji }) => emoji);
}

/** Without case and accents. @param {string} text */
function plain(text) {
  return text.normalize("NFD").replace(/\p{Mn}/gu, "").toLowerCase();
}
