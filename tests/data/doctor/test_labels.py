from hilum.data.doctor.labels import label_issues


def checks(found):
    return {issue.check: issue for issue in found}


def test_no_finding_beside_a_finding_is_an_error(images, data_set):
    manifest = images(["p", "q", "r"], No_Finding=[1, 1, 0], Mass=[0, 1, 1], Hernia=[0, 0, 1])
    issue = checks(label_issues(data_set(manifest)))["No Finding with a finding"]
    assert (issue.severity, issue.image_ids) == ("error", ["a1"])
    assert issue.message == "1 image is labelled No Finding and also Mass."


def test_devices_may_stand_beside_no_finding(images, data_set):
    manifest = images(["p", "q"], No_Finding=[1, 0], Support_Devices=[1, 0], Mass=[None, 1])
    assert "No Finding with a finding" not in checks(label_issues(data_set(manifest)))


def test_an_uncertain_finding_does_not_contradict(images, data_set):
    manifest = images(["p", "q"], No_Finding=[1, 0], Mass=[-1, 1])
    assert "No Finding with a finding" not in checks(label_issues(data_set(manifest)))


def test_images_that_mention_nothing_are_noted(images, data_set):
    manifest = images(["p", "q", "r"], No_Finding=[1, None, 0], Mass=[0, None, 1])
    issue = checks(label_issues(data_set(manifest)))["images without labels"]
    assert (issue.severity, issue.image_ids) == ("note", ["a1"])


def test_a_finding_with_one_class_in_a_part_cannot_be_scored(images, data_set):
    manifest = images(
        list("pqrs"),
        split=["train", "train", "test", "test"],
        Mass=[1, 0, 0, 0],
        Hernia=[0, 1, 1, 1],
        Edema=[0, 1, 0, 1],
    )
    issues = [issue for issue in label_issues(data_set(manifest)) if issue.check == "findings that cannot be evaluated"]
    assert [issue.message for issue in issues] == [
        "In test (2 images), no image is positive for Mass; every image is positive for Hernia."
    ]


def test_a_finding_that_is_positive_wherever_it_is_mentioned_can_be_scored(images, data_set):
    manifest = images(list("pq"), split=["test", "test"], Mass=[1, None])
    assert "findings that cannot be evaluated" not in checks(label_issues(data_set(manifest)))


def test_few_positive_images_of_a_test_part_are_noted(images, data_set):
    manifest = images(list("pqr"), split=["test"] * 3, Mass=[1, 1, 0])
    assert checks(label_issues(data_set(manifest)))["few positive images"].message == (
        "In test, fewer than 10 images are positive for Mass (2)."
    )


def test_sound_labels_are_met_with_silence(images, data_set):
    patients = [f"p{number}" for number in range(60)]
    mass = [number % 2 for number in range(60)]
    manifest = images(
        patients, split=["train", "test"] * 15 + ["test", "train"] * 15, Mass=mass, No_Finding=[1 - m for m in mass]
    )
    assert list(label_issues(data_set(manifest))) == []


def test_images_without_any_finding_column_are_met_with_silence(images, data_set):
    assert list(label_issues(data_set(images(["p", "q"])))) == []
