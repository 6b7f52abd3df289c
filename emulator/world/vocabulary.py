"""Words, places and topics that generated accounts and posts are made of."""

from emulator.world.wording import listed

# At most five letters each, so that adjective_noun_number stays a legal user name of 15 characters.
ADJECTIVES = listed(
    "amber bold brave brisk calm civic clear coral crisp daily early fair fern firm fond free fresh "
    "gold grand "
    "green happy jolly keen kind late light loud lucky mild neat new noble north open plain proud quick "
    "quiet rapid red"
)
NOUNS = listed(
    "arch bay beam bell bird boat book brook cloud coast crane creek dawn delta dune elm fern field "
    "finch fox "
    "gate grove gull hare heron hill iris lake lark leaf maple mill moss otter owl path pine reef river wren"
)
SENTENCES = (
    ("en", "The {a} {n} opens again this morning after a long winter"),
    ("en", "Reading about the {n} archive and its {a} neighbours"),
    ("en", "Nobody told me the {n} could be this {a} at night"),
    ("en", "Water levels near the {n} are rising, stay safe everyone"),
    ("en", "Our library just digitised letters from the {a} {n} years"),
    ("en", "What a {a} day for a walk along the {n}"),
    ("es", "La biblioteca del {n} abre hoy con una exposición {a}"),
    ("es", "Mañana hablamos del archivo {a} y de su {n}"),
    ("fr", "Le musée {a} présente ses archives près du {n}"),
    ("de", "Heute öffnet das Archiv {n} mit neuen Briefen, sehr {a}"),
    ("pt", "A exposição {a} sobre o {n} começa amanhã"),
    ("ja", "図書館の{n}資料が公開されました {a}"),
)
MORE = (
    "More soon.",
    "Photos to follow!",
    "Who else is going?",
    "Details are on our page.",
    "Thanks to all volunteers 🙏",
    "This matters.",
    "See you there 🎉",
    "We will keep you posted.",
    "Please share with your class.",
    "",
)
TAGS = (
    "archives",
    "history",
    "library",
    "openaccess",
    "election",
    "climate",
    "football",
    "music",
    "science",
    "news",
)
SITES = ("example.org", "archive.example.net", "news.example.com", "library.example.edu")
# id, name, full name, country, code, kind, west, south, east, north
PLACES = (
    (
        "01a9a39529b27f36",
        "Manhattan",
        "Manhattan, NY",
        "United States",
        "US",
        "city",
        -74.026675,
        40.683935,
        -73.910408,
        40.877483,
    ),
    (
        "3b77caf94bfc81fe",
        "Los Angeles",
        "Los Angeles, CA",
        "United States",
        "US",
        "city",
        -118.668404,
        33.704538,
        -118.155409,
        34.337041,
    ),
    (
        "5a110d312052166f",
        "San Francisco",
        "San Francisco, CA",
        "United States",
        "US",
        "city",
        -122.514926,
        37.708075,
        -122.357031,
        37.833238,
    ),
    (
        "01fbe706f872cb32",
        "Washington",
        "Washington, DC",
        "United States",
        "US",
        "city",
        -77.119401,
        38.801826,
        -76.909396,
        38.995320,
    ),
    (
        "3078869807f9dd36",
        "Berlin",
        "Berlin, Germany",
        "Germany",
        "DE",
        "city",
        13.088304,
        52.338079,
        13.760909,
        52.675323,
    ),
    (
        "09f6a7707f18e0b1",
        "Paris",
        "Paris, France",
        "France",
        "FR",
        "city",
        2.224101,
        48.815521,
        2.469905,
        48.902146,
    ),
    (
        "206c436ce43a43a3",
        "Madrid",
        "Madrid, Spain",
        "Spain",
        "ES",
        "city",
        -3.834162,
        40.312064,
        -3.524912,
        40.643523,
    ),
    (
        "68e019afec7d0ba5",
        "São Paulo",
        "São Paulo, Brazil",
        "Brazil",
        "BR",
        "city",
        -46.826039,
        -24.008814,
        -46.365052,
        -23.356792,
    ),
)
TOPICS = (
    (
        "45",
        "Brand Vertical",
        "Top level entities that describe a Brands industry",
        "781974596706635776",
        "Media",
    ),
    (
        "46",
        "Business Taxonomy",
        "Categories within Brand Verticals that narrow down the scope of Brands",
        "1557696802672828416",
        "Nonprofit and Educational Organisations",
    ),
    (
        "65",
        "Interests and Hobbies Vertical",
        "Top level interests and hobbies groupings, like Food or Travel",
        "847544972781826048",
        "Careers and learning",
    ),
    (
        "66",
        "Interests and Hobbies Category",
        "A grouping of interests and hobbies entities, like Novelty Food or Destinations",
        "847545099877675008",
        "Libraries and archives",
    ),
    ("131", "Unified Twitter Taxonomy", "A taxonomy of user interests.", "900740740468191232", "History"),
    (
        "30",
        "Entities [Entity Service]",
        "Entity Service top level domain, every item that is in Entity Service should be in this domain",
        "781974596144668672",
        "Books and literature",
    ),
    (
        "35",
        "Politician",
        "Politicians in the world, like Joe Biden",
        "1070022356044234754",
        "A public official",
    ),
    (
        "67",
        "Interests and Hobbies",
        "Interests, opinions, and behaviors of individuals, groups, or cultures; like "
        "Speciality Cooking or Theme Parks",
        "1037076248877395968",
        "Weather",
    ),
)
DEVICES = ("Twitter Web App", "Twitter for iPhone", "Twitter for Android", "TweetDeck")
BIOS = (
    "Keeper of old papers near {place}.",
    "Notes on {tag} from {place}.",
    "Student, reader, walker. Views are mine.",
    "Public library of {place}. Open daily.",
    "Reporter for {site}.",
    "",
)
