"""What the numbers in Health's tables mean. Types that are not here keep their number.

Sources: the fact sheet's list and the layout that open readers of this store agree upon. Units
are given where they are known for what the phone stores; the others have none.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from services.indexer.kinds.health.payload import Group, Phase

How = Literal["sum", "range", "single", "event", "stood"]

SLEEP = 63
STAND_HOUR = 70
ACTIVITY_RINGS = 76
WORKOUT = 79
ROUTE = 102
ELECTROCARDIOGRAM = 144
HEART_RATE = 5
#: Their parts are samples of their own: blood pressure, food, and what is read from other tables.
PARTS_ELSEWHERE = frozenset({ACTIVITY_RINGS, WORKOUT, 80, 81, ROUTE})


class Type(NamedTuple):
    """A type of samples: what it is called, where it belongs and how a day of it is told."""

    name: str
    group: Group
    how: How
    unit: str | None = None
    #: What the phone's number is multiplied with.
    scale: float = 1.0
    #: Smaller numbers are per second, though the unit is per minute.
    per_second_below: float = 0.0


_NUTRIENTS = {
    20: "fat", 21: "polyunsaturated_fat", 22: "monounsaturated_fat", 23: "saturated_fat",
    24: "cholesterol", 25: "sodium", 26: "carbohydrates", 27: "fiber", 28: "sugar", 30: "protein",
    31: "vitamin_a", 32: "vitamin_b6", 33: "vitamin_b12", 34: "vitamin_c", 35: "vitamin_d",
    36: "vitamin_e", 37: "vitamin_k", 38: "calcium", 39: "iron", 40: "thiamin", 41: "riboflavin",
    42: "niacin", 43: "folate", 44: "biotin", 45: "pantothenic_acid", 46: "phosphorus",
    47: "iodine", 48: "magnesium", 49: "zinc", 50: "selenium", 51: "copper", 52: "manganese",
    53: "chromium", 54: "molybdenum", 55: "chloride", 56: "potassium", 78: "caffeine",
    87: "water", 251: "alcoholic_drinks", 57: "falls", 60: "inhaler_uses", 125: "insulin",
    279: "time_in_daylight",
}  # fmt: skip
_RANGES = {
    58: "electrodermal_activity", 71: "forced_vital_capacity", 72: "forced_expiratory_volume",
    73: "peak_expiratory_flow", 89: "uv_exposure", 182: "double_support_time",
    183: "six_minute_walk", 187: "walking_speed", 188: "step_length", 194: "walking_asymmetry",
    195: "stair_ascent_speed", 196: "stair_descent_speed", 249: "walking_steadiness",
    258: "stride_length", 259: "vertical_oscillation", 260: "ground_contact_time",
    269: "underwater_depth", 270: "running_power", 272: "sound_reduction", 274: "running_speed",
    277: "water_temperature", 280: "cycling_power", 281: "cycling_speed", 282: "cycling_cadence",
    283: "functional_threshold_power", 286: "physical_effort",
}  # fmt: skip
_EVENTS = {
    91: "cervical_mucus", 92: "ovulation_test", 95: "menstrual_flow", 96: "spotting",
    97: "sexual_activity", 116: "watch_charging", 147: "low_heart_rate", 157: "abdominal_cramps",
    158: "breast_pain", 159: "bloating", 160: "headache", 161: "acne", 162: "lower_back_pain",
    163: "pelvic_pain", 164: "mood_changes", 165: "constipation", 166: "diarrhea", 167: "fatigue",
    168: "nausea", 169: "sleep_changes", 170: "appetite_changes", 171: "hot_flashes",
    178: "loud_environment", 189: "toothbrushing", 191: "pregnancy", 192: "lactation",
    193: "contraceptive", 201: "pounding_heartbeat", 202: "skipped_heartbeat", 203: "fever",
    204: "shortness_of_breath", 205: "chest_tightness", 206: "fainting", 207: "dizziness",
    220: "vomiting", 221: "heartburn", 222: "coughing", 223: "wheezing", 224: "sore_throat",
    225: "sinus_congestion", 226: "runny_nose", 229: "vaginal_dryness", 230: "night_sweats",
    231: "chills", 232: "hair_loss", 233: "dry_skin", 234: "bladder_incontinence",
    235: "memory_lapse", 237: "handwashing", 240: "body_ache", 241: "loss_of_smell",
    242: "loss_of_taste", 243: "pregnancy_test", 244: "progesterone_test",
    262: "irregular_periods", 263: "prolonged_periods", 264: "persistent_spotting",
}  # fmt: skip

TYPES: dict[int, Type] = {
    7: Type("steps", "activity", "sum"),
    8: Type("walking_running_distance", "activity", "sum", "m"),
    9: Type("basal_energy", "activity", "sum", "kcal"),
    10: Type("active_energy", "activity", "sum", "kcal"),
    12: Type("flights_climbed", "activity", "sum"),
    75: Type("exercise_time", "activity", "sum", "min"),
    83: Type("cycling_distance", "activity", "sum", "m"),
    101: Type("wheelchair_pushes", "activity", "sum"),
    110: Type("swimming_distance", "activity", "sum", "m"),
    111: Type("swimming_strokes", "activity", "sum"),
    113: Type("wheelchair_distance", "activity", "sum", "m"),
    138: Type("snow_sports_distance", "activity", "sum", "m"),
    186: Type("stand_time", "activity", "sum", "min"),
    STAND_HOUR: Type("stand_hours", "activity", "stood", "h"),
    99: Type("mindful_minutes", "activity", "event"),
    HEART_RATE: Type("heart_rate", "heart", "range", "bpm", per_second_below=10),
    118: Type("resting_heart_rate", "heart", "range", "bpm", per_second_below=10),
    137: Type("walking_heart_rate", "heart", "range", "bpm", per_second_below=10),
    266: Type("heart_rate_recovery", "heart", "range", "bpm", per_second_below=4),
    139: Type("heart_rate_variability", "heart", "range", "ms"),
    14: Type("oxygen_saturation", "heart", "range", "%", 100),
    61: Type("respiratory_rate", "heart", "range", "/min", per_second_below=2),
    124: Type("vo2_max", "heart", "range", "mL/kg/min"),
    248: Type("atrial_fibrillation", "heart", "range", "%", 100),
    19: Type("perfusion_index", "heart", "range"),
    16: Type("systolic_pressure", "heart", "range", "mmHg"),
    17: Type("diastolic_pressure", "heart", "range", "mmHg"),
    0: Type("body_mass_index", "body", "single"),
    1: Type("body_fat", "body", "single", "%", 100),
    2: Type("height", "body", "single", "m"),
    3: Type("weight", "body", "single", "kg"),
    4: Type("lean_mass", "body", "single", "kg"),
    114: Type("waist", "body", "single", "m"),
    15: Type("blood_glucose", "body", "range"),
    18: Type("blood_alcohol", "body", "range"),
    62: Type("body_temperature", "body", "range", "\u00b0C"),
    90: Type("basal_body_temperature", "body", "range", "\u00b0C"),
    256: Type("wrist_temperature", "body", "range", "\u00b0C"),
    172: Type("environmental_sound", "other", "range", "dB"),
    173: Type("headphone_sound", "other", "range", "dB"),
    29: Type("dietary_energy", "other", "sum", "kcal"),
} | {
    number: Type(name, "other", "sum") for number, name in _NUTRIENTS.items()
} | {
    number: Type(name, "other", "range") for number, name in _RANGES.items()
} | {
    number: Type(name, "other", "event") for number, name in _EVENTS.items()
}  # fmt: skip


def type_of(number: int, *, is_category: bool) -> Type:
    """Return what is known of a type; one that is not known keeps its number."""
    known = TYPES.get(number)
    if known is not None and (known.how in {"event", "stood"}) == is_category:
        return known
    return Type(f"type_{number}", "other", "event" if is_category else "range")


PHASES: dict[int, Phase] = {0: "in_bed", 1: "asleep", 2: "awake", 3: "core", 4: "deep", 5: "rem"}
ASLEEP: frozenset[Phase] = frozenset({"asleep", "core", "deep", "rem"})

#: HKWorkoutEventType.
EVENTS = {
    1: "pause", 2: "resume", 3: "lap", 4: "marker", 5: "motion_paused", 6: "motion_resumed",
    7: "segment", 8: "pause_or_resume_request",
}  # fmt: skip
GOALS = {0: "open", 1: "distance_meters", 2: "time_seconds", 3: "energy_kcal"}

#: HKWorkoutActivityType; the gaps in 1 to 80 were withdrawn by Apple.
ACTIVITIES = {
    1: "american_football", 2: "archery", 3: "australian_football", 4: "badminton", 5: "baseball",
    6: "basketball", 7: "bowling", 8: "boxing", 9: "climbing", 10: "cricket", 11: "cross_training",
    12: "curling", 13: "cycling", 14: "dance", 16: "elliptical", 17: "equestrian_sports",
    18: "fencing", 19: "fishing", 20: "functional_strength_training", 21: "golf",
    22: "gymnastics", 23: "handball", 24: "hiking", 25: "hockey", 26: "hunting", 27: "lacrosse",
    28: "martial_arts", 29: "mind_and_body", 31: "paddle_sports", 32: "play",
    33: "preparation_and_recovery", 34: "racquetball", 35: "rowing", 36: "rugby", 37: "running",
    38: "sailing", 39: "skating_sports", 40: "snow_sports", 41: "soccer", 42: "softball",
    43: "squash", 44: "stair_climbing", 45: "surfing_sports", 46: "swimming", 47: "table_tennis",
    48: "tennis", 49: "track_and_field", 50: "traditional_strength_training", 51: "volleyball",
    52: "walking", 53: "water_fitness", 54: "water_polo", 55: "water_sports", 56: "wrestling",
    57: "yoga", 58: "barre", 59: "core_training", 60: "cross_country_skiing",
    61: "downhill_skiing", 62: "flexibility", 63: "high_intensity_interval_training",
    64: "jump_rope", 65: "kickboxing", 66: "pilates", 67: "snowboarding", 68: "stairs",
    69: "step_training", 70: "wheelchair_walk", 71: "wheelchair_run", 72: "tai_chi",
    73: "mixed_cardio", 74: "hand_cycling", 75: "disc_sports", 76: "fitness_gaming", 77: "dance",
    78: "social_dance", 79: "pickleball", 80: "cooldown", 82: "swim_bike_run", 83: "transition",
    3000: "other",
}  # fmt: skip

BLOOD_TYPES = {1: "A+", 2: "A-", 3: "B+", 4: "B-", 5: "AB+", 6: "AB-", 7: "O+", 8: "O-"}


def words_of(name: str) -> str:
    """Return a name of this list as people read it."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]
