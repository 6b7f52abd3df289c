"""Generated accounts: number n has its id, name and profile without any other account being made."""

import random
import re
from functools import lru_cache
from typing import Any

from emulator.clock import iso_of_ms
from emulator.world.vocabulary import ADJECTIVES, BIOS, NOUNS, PLACES, SITES, TAGS

ID_STEP = 97
COMBINATIONS = len(ADJECTIVES) * len(NOUNS)
FIRST_ID = 10_000_019
# Ids are up to 64 bits wide: those of 2006, and those of today.
FIRST_IDS = (12, FIRST_ID, 1_742_000_000_000_000_003)
NAME = re.compile(r"^([a-z]+)_([a-z]+)_(\d+)$")


class Accounts:
    """`count` accounts of one kind; `first_id` keeps kinds apart."""

    def __init__(self, count: int, *, seed: int, first_id: int = FIRST_ID) -> None:
        self.count = count
        self.seed = seed
        self.first_id = first_id
        # Names of different kinds differ in their number, ids in their range.
        self._offset = {900_000_000_001: 500, 950_000_000_003: 800}.get(first_id, 0)

    def id(self, number: int) -> int:
        return self.first_id + number * ID_STEP

    def number(self, user_id: int) -> int | None:
        """Which account this id is, None when it is none of these."""
        number, rest = divmod(user_id - self.first_id, ID_STEP)
        return number if not rest and 0 <= number < self.count else None

    def username(self, number: int) -> str:
        series, place = divmod(number, COMBINATIONS)
        place = (place * 7 + self.seed) % COMBINATIONS
        adjective, noun = divmod(place, len(NOUNS))
        return f"{ADJECTIVES[adjective]}_{NOUNS[noun]}_{series + self._offset}"

    def number_named(self, username: str) -> int | None:
        found = parts_of_name(username)
        if found is None:
            return None
        place, series = found
        number = (series - self._offset) * COMBINATIONS
        number += (place - self.seed) * pow(7, -1, COMBINATIONS) % COMBINATIONS
        return number if 0 <= number < self.count else None

    def profile(self, number: int) -> dict[str, Any]:
        """The user object in the tweet vocabulary, all fields."""
        draw = random.Random(self.seed * 1_000_003 + number + self.first_id)
        place = draw.choice(PLACES)
        name = self.username(number)
        site = draw.choice(SITES)
        bio = draw.choice(BIOS).format(place=place[1], tag=draw.choice(TAGS), site=site)
        created = 1_230_768_000_000 + draw.randrange(400_000_000) * 1000
        profile: dict[str, Any] = {
            "id": str(self.id(number)),
            "name": " ".join(part.capitalize() for part in name.split("_")[:2]),
            "username": name,
            "created_at": iso_of_ms(created),
            "description": bio,
            "location": place[2],
            "url": "",
            "protected": False,
            "verified": draw.random() < 0.1,
            "verified_type": "none",
            "profile_image_url": f"https://pbs.example.com/profile_images/{draw.getrandbits(60)}/p_normal.jpg",
            "public_metrics": {
                "followers_count": int(draw.paretovariate(0.8) * 20),
                "following_count": draw.randrange(2000),
                "tweet_count": draw.randrange(50, 90_000),
                "listed_count": draw.randrange(60),
            },
        }
        if draw.random() < 0.4:
            link = f"https://t.co/{draw.getrandbits(50):010x}"[:23]
            shown = f"{site}/{name}"
            whole = {
                "start": 0,
                "end": len(link),
                "url": link,
                "expanded_url": f"https://{shown}",
                "display_url": shown,
            }
            profile |= {"url": link, "entities": {"url": {"urls": [whole]}}}
        profile["public_metrics"] |= {
            "like_count": draw.randrange(30_000),
            "media_count": draw.randrange(3_000),
        }
        return profile


@lru_cache(maxsize=4096)
def parts_of_name(username: str) -> tuple[int, int] | None:
    """Which of the combinations of two words a generated name is, and the number behind them."""
    found = NAME.match(username.lower())
    if not found or found[1] not in ADJECTIVES or found[2] not in NOUNS:
        return None
    return ADJECTIVES.index(found[1]) * len(NOUNS) + NOUNS.index(found[2]), int(found[3])
