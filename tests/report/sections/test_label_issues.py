from dataclasses import replace

from hilum.report.sections import noise_tables


def test_doubted_labels_suspects_and_agreement_are_shown(full):
    noise, issues, agreement = noise_tables(full)
    assert noise.rows[0][5].text == "14.0 %"
    assert "Hernia: fewer than two positives or negatives: excluded." in noise.notes
    assert [row[1].text for row in issues.rows] == ["1", "2", "3", "4", "5"]
    assert issues.notes == ["7 flagged labels in the CSV file."]
    assert len(issues.data) == 7
    assert agreement.rows[0][3].text == "420 (21 %)"


def test_only_what_there_is(full, study):
    assert noise_tables(study) == []
    assert [table.name for table in noise_tables(replace(full, noise=None, issues=None))] == ["agreement"]
