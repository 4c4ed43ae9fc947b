"""FER+: 35,710 photographs of faces from the web, each judged by ten people, in the layout that Microsoft's FERPlus writes.

    ferplus/
      FER2013Train.zip, FER2013Valid.zip, FER2013Test.zip    or folders of these names; in each:
        fer0000000.png ...   48 x 48 grey
        label.csv            fer0000000.png,"(0, 0, 48, 48)",4,0,0,1,3,2,0,0,0,0 and so on, without a header: image, box,
                             and the votes for neutral, happiness, surprise, sadness, anger, disgust, fear, contempt,
                             unknown, not a face

An image is a recording of one frame. Nobody's id is given, so each is its own participant, and its own stimulus.
"""

import csv
import re
from collections import Counter, defaultdict
from functools import cached_property

import numpy as np

from dataset_scripts.common.settings import list_some, refuse_all
from dataset_scripts.sources.base import Entry, Source
from dataset_scripts.sources.picture_folders import PictureFolder, open_pictures
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.face_detection_emert import default_detector, track_faces
from modeling_emert.image_emert import as_frame, open_image
from modeling_emert.people_emert import CROP_SIZE, resize
from modeling_emert.recording_emert import FaceTrack, Gaze
from modeling_emert.tasks_emert import EMOTIONS

# The fold in which a part is the test; fold 1 is the official protocol: validation is the next one, training the last.
PARTS = {"FER2013Test": 1, "FER2013Valid": 2, "FER2013Train": 3}
LABELS = "label.csv"
JUDGED = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "not a face")
MOST_VOTES = 1000
SMALLEST_FACE = 0.5  # of the image's longer side; a smaller box in a picture of one face is a mistake of the detector
_NAME = re.compile(r"([A-Za-z0-9_-]+)\.(png|jpg|jpeg)")
_BOX = re.compile(r"\((\d{1,5}), ?(\d{1,5}), ?(\d{1,5}), ?(\d{1,5})\)")
_REMEDY = "get the file anew"


class FerPlusSource(Source):
    """Images of one face with the judgements of ten people; `path` is the folder with the three parts."""

    name = "ferplus"
    tasks = ("fer7",)
    vote_tasks = ("fer7",)
    given_folds = (1,)
    recordings_per_group = 64
    licence = (
        "labels MIT (Microsoft, FERPlus); the rights in the images of FER2013, which were collected from the web, are "
        "unresolved: for research only"
    )
    redistributable = False
    citation = (
        "Barsoum et al., Training Deep Networks for Facial Expression Recognition with Crowd-Sourced Label Distribution, ICMI "
        "2016; Goodfellow et al., Challenges in Representation Learning, 2013"
    )
    collection = (
        "Photographs of faces were found by web searches for words of emotion and cut to 48 x 48 grey pixels (FER2013). Ten "
        "people judged each of them (FER+). The label is the class that most of them chose, of equal ones the first in FER+'s "
        "order; it is absent where contempt, unknown or not a face has more votes. The votes are those for the seven classes "
        "alone, as fractions. The folds are the official split: fold 1 tests FER2013Test, validates on FER2013Valid and "
        "trains on FER2013Train."
    )
    lacks = (
        "It has no ids of people, so one person may be in training and test, no video, no eye tracker, and no felt emotion. "
        "People posed for many of the photographs, and who is in them was never asked."
    )

    def entries(self) -> list[Entry]:
        """One for each image, by its name without the ending. Equal images in two parts are kept where they are tested."""
        entries, errors = [], []
        for part in PARTS:
            entries += self._read_labels(self._parts[part], PARTS[part], errors)
        twice = [name for name, count in Counter(entry.recording_id for entry in entries).items() if count > 1]
        errors += [f"image {name} comes twice" for name in twice]
        refuse_all(self.path, errors, _REMEDY)
        return sorted(self._without_leaks(entries), key=lambda entry: entry.recording_id)

    @cached_property
    def _parts(self) -> dict[str, PictureFolder]:
        return {part: open_pictures(self.path / part) for part in PARTS}

    def _read_labels(self, pictures: PictureFolder, fold: int, errors: list[str]) -> list[Entry]:
        where = pictures.name_of(LABELS)
        entries = []
        try:
            lines = csv.reader(pictures.read(LABELS).decode("utf-8-sig").splitlines(), strict=True)
            for row in filter(None, lines):
                entry = _entry(row, pictures, fold)
                if isinstance(entry, Entry):
                    entries.append(entry)
                else:
                    errors.append(f"{where} line {lines.line_num}: {entry}")
        except (csv.Error, UnicodeDecodeError) as error:
            raise EmertInputError(f"{where}: no CSV table in UTF-8 ({error}); {_REMEDY}") from error
        if not entries and not errors:
            raise EmertInputError(f"{where}: empty, expected a line for each image; {_REMEDY}")
        return entries

    def _without_leaks(self, entries: list[Entry]) -> list[Entry]:
        """Without images of training and validation that a part which is tested before them holds too (see `notes`)."""
        same = defaultdict(list)
        for entry in entries:
            same[self._pictures(entry).digest(entry.location[1])].append(entry)
        left_out = set()
        for group in same.values():
            tested = min(entry.fold for entry in group)
            left_out |= {entry.recording_id for entry in group if entry.fold != tested}
        if left_out:
            names = list_some(sorted(left_out))
            self.notes = (
                f"{len(left_out)} images of the training and validation parts are also in the validation or test part, which "
                f"would be tested on what it has seen, and are left out of the former: {names}",
            )
        return [entry for entry in entries if entry.recording_id not in left_out]

    def _pictures(self, entry: Entry) -> PictureFolder:
        return self._parts[next(part for part, fold in PARTS.items() if fold == entry.fold)]

    def load_gaze(self, entry: Entry) -> Gaze | None:
        return None

    def load_face(self, entry: Entry, count: int) -> FaceTrack:
        """One crop; where no face is found, the whole image, which FER2013 cut around a face."""
        name, box = entry.location[1], entry.location[2]
        pictures = self._pictures(entry)
        try:
            image = open_image(pictures.read(name))
        except EmertInputError as error:
            raise EmertInputError(f"{pictures.name_of(name)}: {error}") from error
        left, top, right, bottom = map(int, box.split())
        if right > image.width or bottom > image.height:
            found = f"({left}, {top}, {right}, {bottom})"
            raise EmertInputError(f"{pictures.name_of(name)}: the box {found} is larger than the image; {_REMEDY}")
        frame = as_frame(image.crop((left, top, right, bottom)))
        detector = default_detector()

        def large_faces(pixels: np.ndarray) -> list:
            """The surest face, FER2013 being cut around one, if it is large."""
            smallest = SMALLEST_FACE * max(pixels.shape)
            return [face for face in detector(pixels)[:1] if max(face.width, face.height) >= smallest]

        face = track_faces(frame[None], np.zeros(1, np.float32), large_faces)
        return face or FaceTrack(resize(frame, CROP_SIZE)[None], np.zeros(1, np.float32), np.zeros(1, bool))


def _entry(row: list[str], pictures: PictureFolder, fold: int) -> Entry | str:
    """One line of `label.csv`, or what is wrong with it."""
    if len(row) != 2 + len(JUDGED):
        return f"{len(row)} cells, expected {2 + len(JUDGED)}: image, box and {len(JUDGED)} votes"
    name, box, *cells = (cell.strip() for cell in row)
    named, boxed = _NAME.fullmatch(name), _BOX.fullmatch(box)
    if not named:
        return f"image {name[:60]!r}, expected a name such as fer0000000.png"
    if not pictures.holds(name):
        return f"image {name} does not exist in {pictures.place}"
    if not boxed or not (int(boxed[1]) < int(boxed[3]) and int(boxed[2]) < int(boxed[4])):
        return f"box {box[:60]!r}, expected (left, top, right, bottom) in pixels"
    if wrong := [cell for cell in cells if not (cell.isascii() and cell.isdigit() and int(cell[:9]) <= MOST_VOTES)]:
        return f"{wrong[0][:60]!r} votes, expected a whole number in 0..{MOST_VOTES}"
    votes = dict(zip(JUDGED, map(int, cells), strict=True))
    chosen = max(votes, key=lambda judged: votes[judged])  # of equal ones the first
    ours = [votes[emotion] for emotion in EMOTIONS]
    total = sum(ours)
    return Entry(
        recording_id=named[1],
        participant=named[1],
        stimulus=named[1],
        labels={"fer7": chosen} if chosen in EMOTIONS and total else {},
        location=(str(pictures.place), name, " ".join(boxed.groups())),
        fold=fold,
        votes={"fer7": tuple(count / total for count in ours)} if total else {},
    )
